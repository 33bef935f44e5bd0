import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createFederationMetrics } from '../../src/admin/federation-metrics.js';
import type { PeerStatus } from '../../src/federation/index.js';

const WEST: PeerStatus = {
  cluster: 'west',
  network: 'network-2',
  trustDomain: 'cluster.local',
  address: 'west:15013',
  state: 'stale',
  from: 'disk',
  asOf: Date.now() - 60_000,
  generation: 0,
  since: 0,
  services: 3,
  workloads: 5,
  gateways: 1,
  problems: [],
  receives: [],
  exported: undefined,
};

describe('metrics of peers', () => {
  it('count what happens with each, and go with it', async () => {
    const registry = new Registry();
    let peers: readonly PeerStatus[] = [WEST];
    const metrics = createFederationMetrics(registry, () => peers);
    metrics.on({ kind: 'reconnected', peer: 'west' });
    metrics.on({ kind: 'received', peer: 'west', bytes: 10 });
    metrics.on({ kind: 'received', peer: 'west', bytes: 5 });
    metrics.on({ kind: 'sent', peer: 'west', bytes: 7 });
    metrics.on({ kind: 'rejected', peer: 'west', reason: 'foreign-network', count: 2 });
    metrics.on({ kind: 'nacked', peer: 'west' });

    const text = await registry.metrics();
    peers = [];
    metrics.on({ kind: 'revoked', peer: 'west' });
    const afterwards = await registry.metrics();

    for (const line of [
      'isthmus_federation_reconnects_total{peer="west"} 1',
      'isthmus_federation_received_bytes_total{peer="west"} 15',
      'isthmus_federation_sent_bytes_total{peer="west"} 7',
      'isthmus_federation_rejected_records_total{peer="west",reason="foreign-network"} 2',
      'isthmus_federation_nacks_total{peer="west"} 1',
      'isthmus_federation_connected{peer="west"} 0',
      'isthmus_federation_imported_records{peer="west",kind="workloads"} 5',
      'isthmus_federation_generation{peer="west"} 0',
    ])
      expect(text).toContain(line);
    expect(text).toMatch(/isthmus_federation_import_age_seconds\{peer="west"\} 6\d(\.\d+)?\n/);
    expect(text).not.toMatch(/exported_records\{/);
    expect(afterwards).not.toContain('west');
  });

  it('have no age of a peer of which nothing is known', async () => {
    const registry = new Registry();
    const { from: _, asOf: __, ...unknown } = WEST;
    createFederationMetrics(registry, () => [{ ...unknown, state: 'connecting' }]);

    const text = await registry.metrics();

    expect(text).not.toMatch(/(age_seconds|last_sync_timestamp_seconds)\{/);
    expect(text).toContain('isthmus_federation_connected{peer="west"} 0');
  });
});
