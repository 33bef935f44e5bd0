import { describe, expect, it } from 'vitest';
import { faultsPage, metricsPage, settingsPage, ztunnelEnvironmentPage } from './pages.js';

/** `npx vitest run test/unit/reference -u` prints the pages anew. */
const FOLDER = '../../../../../docs/reference';

describe('the reference pages', () => {
  it('list every setting as the table has it', async () => {
    await expect(settingsPage()).toMatchFileSnapshot(`${FOLDER}/settings.md`);
  });

  it("list every variable of ztunnel's environment", async () => {
    await expect(ztunnelEnvironmentPage()).toMatchFileSnapshot(`${FOLDER}/ztunnel-environment.md`);
  });

  it('list every metric as the catalog has it', async () => {
    await expect(metricsPage()).toMatchFileSnapshot(`${FOLDER}/metrics.md`);
  });

  it('list every fault as the table has it', async () => {
    await expect(faultsPage()).toMatchFileSnapshot(`${FOLDER}/faults.md`);
  });
});
