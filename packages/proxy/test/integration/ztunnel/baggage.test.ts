import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, socks5 } from '../../support/tcp.js';
import { identity, RATINGS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

/** The same traffic with the exchange on and off. */
const meshes: Record<'on' | 'off', TwoClusters | undefined> = { on: undefined, off: undefined };
beforeAll(async () => {
  [meshes.on, meshes.off] = await Promise.all([
    startTwoClusters(),
    startTwoClusters({ env: { AMBIENT_ENABLE_BAGGAGE: 'false' } }),
  ]);
});
afterAll(() => Promise.all([meshes.on?.close(), meshes.off?.close()]));

/** Labels of the one opened series of that reporter after one connection to the service. */
async function labelsAfter(which: 'on' | 'off', service: string, reporter: 'source' | 'destination') {
  const mesh = meshes[which];
  if (!mesh) throw new Error('not started');
  const { socket } = await socks5(mesh.scope, mesh.socks5, service, 80);
  expect(await exchange(socket, 'x')).toBe('x');
  const proxy = reporter === 'destination' && service !== RATINGS ? mesh.west : mesh.east;
  await proxy.logged({
    message: 'connection complete',
    direction: reporter === 'source' ? 'outbound' : 'inbound',
    'dst.service': service,
  });
  const found = proxy.telemetry
    .samples('istio_tcp_connections_opened_total')
    .find(({ labels }) => labels.reporter === reporter && labels.destination_service?.startsWith(service));
  return found?.labels ?? {};
}

const changed = (on: Record<string, string>, off: Record<string, string>) =>
  Object.keys({ ...on, ...off }).filter((name) => on[name] !== off[name]);

describe('without baggage', () => {
  it('the source knows of the other network what the certificate proves, and nothing else changes', async () => {
    const on = await labelsAfter('on', 'reviews', 'source');
    const off = await labelsAfter('off', 'reviews', 'source');

    expect(off).toMatchObject({
      destination_principal: identity('reviews'),
      destination_workload_namespace: 'shop',
      destination_service_name: 'reviews',
      connection_security_policy: 'mutual_tls',
    });
    expect(changed(on, off)).toEqual([
      'destination_workload',
      'destination_canonical_service',
      'destination_canonical_revision',
      'destination_app',
      'destination_version',
      'destination_cluster',
    ]);
    for (const name of changed(on, off)) expect(off[name]).toBe('unknown');
  });

  it('the destination knows of the other network what the certificate proves, and nothing else changes', async () => {
    const on = await labelsAfter('on', 'reviews', 'destination');
    const off = await labelsAfter('off', 'reviews', 'destination');

    expect(off).toMatchObject({ source_principal: identity('storefront'), source_workload_namespace: 'shop' });
    // The locality of the source was the only one known, so the whole group goes with it.
    expect(changed(on, off).filter((name) => off[name] !== undefined)).toEqual([
      'source_workload',
      'source_canonical_service',
      'source_canonical_revision',
      'source_app',
      'source_version',
      'source_cluster',
    ]);
    for (const name of changed(on, off)) expect(off[name] ?? 'unknown').toBe('unknown');
  });

  it('within the network the registry knows both ends all the same', async () => {
    for (const reporter of ['source', 'destination'] as const) {
      const on = await labelsAfter('on', RATINGS, reporter);
      const off = await labelsAfter('off', RATINGS, reporter);

      expect(changed(on, off)).toEqual([]);
      expect(off).toMatchObject({ source_workload: 'storefront', destination_workload: 'ratings' });
    }
  });
});
