/** hbone.md 3.11: a ztunnel that knows its own workloads and asks for the rest. */
import { createScope } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { ztunnel } from '../../../src/roles/ztunnel.js';
import { reserveBlock } from '../../support/loopback.js';
import type { MeshRecords } from '../../support/model.js';
import { startProxy, type TestProxy } from '../../support/proxy.js';
import { exchange, serveEcho, socks5 } from '../../support/tcp.js';
import { addressesOf, eastRecords } from '../../support/two-clusters.js';

const ADDRESSES = addressesOf(await reserveBlock());
const SOCKS5 = { host: ADDRESSES.capture, port: 15080 };
const { workloads, services } = eastRecords(ADDRESSES);
const isCalled = (name: string) => (each: { readonly name: string }) => each.name === name;
const RATINGS: MeshRecords = {
  services: services.filter(isCalled('ratings')),
  workloads: workloads.filter(isCalled('ratings')),
};

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

/** `answers` says what comes for a name: records, nothing, or no answer. */
async function start(answers: Readonly<Record<string, MeshRecords | 'nobody'>>) {
  const asked: (readonly string[])[] = [];
  let proxy: TestProxy | undefined;
  proxy = await startProxy({
    role: ztunnel,
    env: {
      CLUSTER_ID: 'east',
      NETWORK: 'network-1',
      SOCKS5_LISTENERS: `shop/storefront@${SOCKS5.host}:${SOCKS5.port}`,
    },
    authority: await createTestAuthority(),
    records: { workloads: workloads.filter(isCalled('storefront')) },
    async demand(names) {
      asked.push(names);
      for (const name of names) {
        const answer = answers[name];
        if (answer !== undefined && answer !== 'nobody') proxy?.update(answer);
      }
      return names.filter((name) => answers[name] === undefined);
    },
  });
  scope.own(() => proxy?.scope.close());
  return { proxy, asked };
}

describe('a ztunnel that is told of addresses on demand', () => {
  it('asks for the VIP of a connection, and then carries it over HBONE like any other', async () => {
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { asked, proxy } = await start({ 'network-1/240.0.0.1': RATINGS });

    const { socket, reply } = await socks5(scope, SOCKS5, '240.0.0.1', 80);
    const answer = await exchange(socket, 'hello');
    const line = await proxy.logged({ message: 'connection complete', direction: 'outbound' });

    expect([reply, answer]).toEqual([0, 'hello']);
    expect(asked).toEqual([['network-1/240.0.0.1']]);
    expect(line['dst.hbone_addr']).toBe(`${ADDRESSES.ratings}:8080`);
  });

  it('asks for a name in the namespaces it can mean', async () => {
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { asked } = await start({
      'shop/ratings': 'nobody',
      'shop/ratings.shop.svc.cluster.local': RATINGS,
    });

    const { socket } = await socks5(scope, SOCKS5, 'ratings', 80);
    const answer = await exchange(socket, 'hello');

    expect(answer).toBe('hello');
    expect(asked).toEqual([['shop/ratings', 'shop/ratings.shop.svc.cluster.local']]);
  });

  it('passes through what the control plane says nobody has', async () => {
    await serveEcho(scope, ADDRESSES.reviews, 8081);
    const { asked } = await start({ [`network-1/${ADDRESSES.reviews}`]: 'nobody' });

    const { socket } = await socks5(scope, SOCKS5, ADDRESSES.reviews, 8081);
    const answer = await exchange(socket, 'hello');

    expect(answer).toBe('hello');
    expect(asked).toHaveLength(1);
  });

  it('refuses what the control plane did not answer about: it could be of the mesh, and would leave it in the clear', async () => {
    await serveEcho(scope, ADDRESSES.reviews, 8081);
    const { proxy } = await start({});

    const { reply } = await socks5(scope, SOCKS5, ADDRESSES.reviews, 8081);
    const line = await proxy.logged({ fault: 'UNKNOWN_DESTINATION' });

    expect(reply).not.toBe(0);
    expect(line.error).toContain(`the control plane did not answer for network-1/${ADDRESSES.reviews}`);
  });
});
