import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plaintextPort } from '../../../src/roles/ztunnel/plaintext.js';
import { policy, workload } from '../../support/model.js';
import { connectTo, exchange } from '../../support/tcp.js';
import { startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeAll(async () => {
  mesh = await startTwoClusters();
});
afterAll(() => mesh?.close());

const ports = (...targets: number[]) =>
  new Map([
    [
      'shop/s.shop.svc.cluster.local',
      targets.map((targetPort, index) => ({ servicePort: 80 + index, targetPort, appProtocol: 'unknown' as const })),
    ],
  ]);

describe('plaintext to a workload', () => {
  it('reaches the only port it has, and nobody claims an identity', async () => {
    const socket = await connectTo(mesh.scope, mesh.addresses.ratings, 15006);

    expect(await exchange(socket, 'plain')).toBe('plain');

    const line = await mesh.east.logged({ message: 'connection complete', direction: 'inbound' });
    expect(line).toMatchObject({ 'dst.workload': 'ratings', 'dst.addr': `${mesh.addresses.ratings}:15006` });
    expect(line).not.toHaveProperty('src.identity');
    const [opened] = mesh.east.telemetry.samples('istio_tcp_connections_opened_total');
    expect(opened?.labels).toMatchObject({ connection_security_policy: 'unknown', source_principal: 'unknown' });
  });

  it('is refused where mTLS is strict, which is a policy against the absence of identity', async () => {
    mesh.east.update({ policies: [policy('strict', 'deny', { notPrincipals: [{ kind: 'presence' }] })] });

    const answer = connectTo(mesh.scope, mesh.addresses.ratings, 15006).then((socket) => exchange(socket, 'plain'));

    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await mesh.east.logged({ fault: 'POLICY_DENY' })).toMatchObject({
      error: expect.stringContaining('shop/strict'),
    });
  });

  it('to a workload without a certain port is refused with the remedy', async () => {
    const answer = connectTo(mesh.scope, mesh.addresses.storefront, 15006).then((socket) => exchange(socket, 'plain'));

    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await mesh.east.logged({ message: 'connection failed', fault: 'UNKNOWN_PORT' })).toMatchObject({
      error: expect.stringContaining('INBOUND_PLAINTEXT_TARGETS=shop/storefront=<port>'),
    });
  });

  it('goes to the configured port, else to the only one, else nowhere', () => {
    const target = { workload: { namespace: 'shop', name: 's' }, port: 9090 };

    const cases = [
      plaintextPort(workload({ name: 's', services: ports(8080, 8081) }), [target]),
      plaintextPort(workload({ name: 's', services: ports(8080, 8080) }), []),
      plaintextPort(workload({ name: 's', services: ports(8080, 8081) }), []),
      plaintextPort(workload({ name: 's', services: ports(15008, 0) }), []),
    ];

    expect(cases).toEqual([
      { kind: 'port', port: 9090 },
      { kind: 'port', port: 8080 },
      { kind: 'none', reason: expect.stringContaining('list ports 8080, 8081') },
      { kind: 'none', reason: expect.stringContaining('no service lists a port') },
    ]);
  });
});
