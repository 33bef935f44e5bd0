import { describe, expect, it } from 'vitest';
import { limitsPage } from './page.js';

/** `npx vitest run --root tools test/unit/limits -u` prints the page anew. */
describe('docs/limits.md', () => {
  it('lists every bound as the code has it', async () => {
    await expect(limitsPage()).toMatchFileSnapshot('../../../../docs/limits.md');
  });
});
