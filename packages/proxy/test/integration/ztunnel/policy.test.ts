import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policy } from '../../support/model.js';
import { exchange, read, socks5 } from '../../support/tcp.js';
import { startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeAll(async () => {
  mesh = await startTwoClusters();
});
afterAll(() => mesh?.close());

const principal = 'cluster.local/ns/shop/sa/storefront';
const denyStorefront = policy('no-storefront', 'deny', { principals: [{ kind: 'exact', value: principal }] });
/** Constrains nobody here: other principals only. */
const denyNobody = policy('no-storefront', 'deny', {
  principals: [{ kind: 'exact', value: 'cluster.local/ns/x/sa/x' }],
});

const failures = (proxy: TwoClusters['east']) =>
  proxy.telemetry
    .samples('istio_tcp_connections_failed_total')
    .map(({ labels }) => [labels.reporter, labels.response_flags]);

describe('L4 policy', () => {
  // hbone §10.server.8
  it('cuts an open connection when it no longer allows it, across networks, and so that nobody takes it for an end', async () => {
    mesh.west.update({ policies: [denyNobody] });
    const { socket } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);
    socket.write('before');
    const before = (await read(socket, 6)).toString();
    const broken = new Promise<string>((resolve) =>
      socket.on('close', () => resolve('closed')).on('end', () => resolve('ended')),
    );

    mesh.west.update({ policies: [denyStorefront] });

    socket.resume();
    expect(before).toBe('before');
    expect(await broken).toBe('closed');
    const atDestination = await mesh.west.logged({ message: 'connection complete', direction: 'inbound' });
    expect(atDestination).toMatchObject({
      level: 'error',
      fault: 'POLICY_DENY',
      error: 'connection closed due to policy change: explicitly denied by: shop/no-storefront',
    });
    const atSource = await mesh.east.logged({ message: 'connection complete', direction: 'outbound' });
    expect(atSource).toMatchObject({ level: 'error', fault: 'TUNNEL_LOST' });
  });

  // hbone §10.server.5, hbone §10.fact.2
  it('denies with 401, which the source tells its client and counts as DENY', async () => {
    mesh.west.update({ policies: [denyStorefront] });

    const { reply } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);

    expect(reply).toBe(2);
    const atSource = await mesh.east.logged({ fault: 'POLICY_DENY' });
    expect(atSource).toMatchObject({ direction: 'outbound', 'dst.service': 'reviews.shop.svc.cluster.local' });
    await mesh.west.logged({ error: 'connection closed due to policy rejection' });
    expect(failures(mesh.east)).toContainEqual(['source', 'DENY']);
    expect(failures(mesh.west)).toContainEqual(['destination', 'DENY']);
  });

  it('lets the same client in again once the policy is gone', async () => {
    mesh.west.update({ policies: [denyStorefront] });
    const denied = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);

    mesh.west.update({ policies: [denyNobody] });
    const allowed = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);

    expect([denied.reply, allowed.reply]).toEqual([2, 0]);
    expect(await exchange(allowed.socket, 'again')).toBe('again');
  });

  it('fails closed on a policy that is bound and was never received', async () => {
    const [reviews] = [...mesh.west.store.snapshot.workloads()].filter(({ name }) => name === 'reviews');
    if (!reviews) throw new Error('no reviews');
    mesh.west.update({ workloads: [{ ...reviews, authorizationPolicies: ['shop/late'] }], policies: [denyNobody] });

    const { reply } = await socks5(mesh.scope, mesh.socks5, 'reviews', 80);

    expect(reply).toBe(2);
    expect(await mesh.west.logged({ error: 'never received: shop/late' })).toMatchObject({ fault: 'POLICY_DENY' });
  });
});
