import { type Lab, type RunResult, runOnce, silentProgress, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: Lab;
let result: RunResult;

beforeAll(async () => {
  lab = await startLab({ ztunnelSettings: { XDS_ON_DEMAND: 'true' } });
  result = await runOnce(lab, 24, silentProgress, new AbortController().signal);
});

afterAll(async () => {
  await lab?.close();
});

/** How each proxy of the cluster subscribes to addresses, by its role. */
async function modes(): Promise<readonly (readonly [string, string])[]> {
  const response = await fetch(`http://${lab.world.clusters.east.controlPlaneIp}:15014/debug/status`);
  const { proxies } = (await response.json()) as {
    proxies: { node: { role: string }; types: { typeUrl: string; mode: string }[] }[];
  };
  return proxies.map(({ node, types }) => [
    node.role,
    types.find(({ typeUrl }) => typeUrl.endsWith('Address'))?.mode ?? 'none',
  ]);
}

describe('two networks whose ztunnels ask for what they need', () => {
  it('answer every call, and every reporter names both ends', () => {
    expect(result.failures).toEqual([]);
    expect(result.unknown).toEqual([]);
    expect(result.wrong).toEqual([]);
    expect(result.ok).toBe(true);
  });

  it('hold no whole mesh: ztunnels are subscribed by name, the others to everything', async () => {
    const seen = await modes();

    expect(seen).toContainEqual(['ztunnel', 'on-demand']);
    expect(seen.filter(([role]) => role !== 'ztunnel')).not.toEqual([]);
    for (const [role, mode] of seen) expect(mode).toBe(role === 'ztunnel' ? 'on-demand' : 'wildcard');
  });
});
