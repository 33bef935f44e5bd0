import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ztunnel } from '../../../src/roles/ztunnel.js';
import { reserveBlock } from '../../support/loopback.js';
import { policy, service, workload } from '../../support/model.js';
import { startProxy, type TestProxy } from '../../support/proxy.js';
import { exchange, read, socks5 } from '../../support/tcp.js';

const BLOCK = await reserveBlock();
const CLIENT = `${BLOCK}.1`;
const SERVER = `${BLOCK}.2`;
const PORTS = [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }] as const;
const HOST = 'reviews.shop.svc.cluster.local';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

interface Announced {
  readonly family: number;
  readonly source: string;
  readonly destination: string;
  readonly fields: ReadonlyMap<number, string>;
}

/** An application's side of the protocol, by its text alone: reads the header, then echoes what follows it. */
async function serveBehindProxyProtocol(
  host: string,
): Promise<{ readonly port: number; readonly headers: Announced[] }> {
  const headers: Announced[] = [];
  const serve = async (socket: Socket) => {
    headers.push(await readHeader(socket));
    socket.pipe(socket);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    void serve(socket);
  });
  server.listen({ host, port: 0 });
  await once(server, 'listening');
  scope.own(() => void server.close());
  return { port: (server.address() as AddressInfo).port, headers };
}

async function readHeader(socket: Socket): Promise<Announced> {
  const fixed = await read(socket, 16);
  expect(fixed.subarray(0, 13).toString('hex')).toBe('0d0a0d0a000d0a515549540a21');
  const rest = await read(socket, fixed.readUInt16BE(14));
  const fields = new Map<number, string>();
  for (let at = 12; at < rest.length; at += 3 + rest.readUInt16BE(at + 1)) {
    fields.set(rest[at]!, rest.toString('utf8', at + 3, at + 3 + rest.readUInt16BE(at + 1)));
  }
  const endpoint = (ip: number, port: number) => `${rest.subarray(ip, ip + 4).join('.')}:${rest.readUInt16BE(port)}`;
  return { family: fixed[13]!, source: endpoint(0, 8), destination: endpoint(4, 10), fields };
}

/** Storefront calls reviews, whose application asks for the PROXY protocol on a port of its own. */
async function start(port: number, env: Readonly<Record<string, string>>): Promise<{ readonly server: TestProxy }> {
  const authority = await createTestAuthority();
  const reviews = service({ name: 'reviews', addresses: [{ network: 'network-1', ip: '240.0.0.2' }] });
  const records = {
    services: [reviews],
    workloads: [
      workload({ name: 'storefront', addresses: [CLIENT], node: 'node-c' }),
      workload({
        name: 'reviews',
        addresses: [SERVER],
        node: 'node-s',
        services: new Map([[reviews.key, PORTS]]),
        applicationTunnel: { protocol: 'proxy', port },
      }),
    ],
  };
  const common = { role: ztunnel, authority, records };
  const shared = { CLUSTER_ID: 'east', NETWORK: 'network-1' };
  const proxies = await Promise.all([
    startProxy({
      ...common,
      env: { ...shared, NODE_NAME: 'node-c', SOCKS5_LISTENERS: `shop/storefront@${CLIENT}:15080` },
    }),
    startProxy({ ...common, env: { ...shared, NODE_NAME: 'node-s', ...env } }),
  ]);
  for (const proxy of proxies) scope.own(() => proxy.scope.close());
  return { server: proxies[1]! };
}

describe('an application that asks for the PROXY protocol', () => {
  it('is told who calls and what was called, by a shared proxy on its own address', async () => {
    const app = await serveBehindProxyProtocol(SERVER);
    await start(app.port, {});

    const { socket } = await socks5(scope, { host: CLIENT, port: 15080 }, 'reviews', 80);
    const answer = await exchange(socket, 'hello');

    expect(answer).toBe('hello');
    const [header] = app.headers;
    expect(header?.family).toBe(0x11);
    expect(header?.source).toMatch(new RegExp(`^${CLIENT}:\\d+$`));
    // The source named the pod and its port, as it does for a service of its own network.
    expect(header?.destination).toBe(`${SERVER}:8080`);
    expect(header?.fields).toEqual(new Map([[0xd0, 'spiffe://cluster.local/ns/shop/sa/storefront']]));
  });

  it('is reached on loopback by a proxy of its own', async () => {
    const app = await serveBehindProxyProtocol('127.0.0.1');
    await start(app.port, { PROXY_MODE: 'dedicated', PROXY_WORKLOAD_INFO: 'shop/reviews/reviews' });

    const { socket } = await socks5(scope, { host: CLIENT, port: 15080 }, HOST, 80);

    expect(await exchange(socket, 'hello')).toBe('hello');
    expect(app.headers).toHaveLength(1);
  });

  it('is judged by its own address and the port it listens on, not by the one that was asked for', async () => {
    const app = await serveBehindProxyProtocol('127.0.0.1');
    const { server } = await start(app.port, { PROXY_MODE: 'dedicated', PROXY_WORKLOAD_INFO: 'shop/reviews/reviews' });
    const at = { destinationIps: [{ ip: SERVER, length: 32 }], destinationPorts: [app.port] };
    server.update({ policies: [policy('not-there', 'deny', at)] });

    const { reply } = await socks5(scope, { host: CLIENT, port: 15080 }, 'reviews', 80);

    expect(reply).toBe(2);
    expect(app.headers).toEqual([]);
  });
});
