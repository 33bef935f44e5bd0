/** Metrics of what comes and goes. */
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/admin/index.js';

describe('metrics of sources', () => {
  it('go with the source: a remote cluster that was removed is not counted on', async () => {
    const west = { cluster: 'west', generation: 3, errors: 1, warnings: 0 };
    let sources = [{ ...west, cluster: 'east' }, west];
    const { render } = createMetrics({
      connections: () => 0,
      sources: () => sources,
      ca: () => ({ notAfter: new Date(0), roots: [] }),
      peers: () => [],
    });
    const before = await render();

    sources = sources.slice(0, 1);
    const after = await render();

    expect(before).toContain('isthmus_source_generation{cluster="west"} 3');
    expect(before).toContain('isthmus_source_problems{cluster="west",severity="error"} 1');
    expect(after).toContain('isthmus_source_generation{cluster="east"} 3');
    expect(after).not.toContain('west');
  });
});
