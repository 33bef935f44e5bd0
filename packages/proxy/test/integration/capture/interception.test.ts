import { once } from 'node:events';
import { createScope, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenIntercepted } from '../../../src/capture/interception/interception.js';
import type { Destination } from '../../../src/capture/interception/judge.js';
import { loadSocketOptions } from '../../../src/capture/interception/socket-options.js';
import { reserveBlock } from '../../support/loopback.js';
import { connectTo } from '../../support/tcp.js';

/** Without rules nothing is redirected; what the rules do is tried in network namespaces (e2e/test/netns.test.ts). */
const BLOCK = await reserveBlock();
const HOST = `${BLOCK}.1`;
let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

describe('a listener for intercepted connections', () => {
  it('refuses who calls it directly, by what the kernel answers about the socket', async () => {
    const loaded = await loadSocketOptions();
    if (!loaded.ok) throw new Error(loaded.reason);
    const seen = new Promise<Destination>((resolve) => {
      void listenIntercepted(scope, {
        interception: { by: 'SO_ORIGINAL_DST', find: loaded.options.originalDestination, sockets: {} },
        name: 'outbound',
        hosts: [HOST],
        port: 15001,
        keepAliveMs: 180_000,
        drain: scope.signal,
        log: silentLogger,
        onConnection(socket, destination) {
          socket.destroy();
          resolve(destination);
        },
      }).then(() => connectTo(scope, HOST, 15001));
    });

    expect(await seen).toEqual({
      kind: 'refuse',
      fault: 'RECURSIVE_CALL',
      reason: `${HOST}:15001 is this very listener: the connection was not redirected to it`,
    });
  });

  it('opens where the host has an address, and fails where it has none at all', async () => {
    const init = {
      interception: { by: 'conntrack', find: () => ({ kind: 'unknown' as const, reason: '' }), sockets: {} },
      name: 'outbound',
      port: 15006,
      keepAliveMs: 180_000,
      drain: scope.signal,
      log: silentLogger,
      onConnection() {},
    } as const;

    await listenIntercepted(scope, { ...init, hosts: [HOST, '2001:db8::1'] });
    const nowhere = listenIntercepted(scope, { ...init, hosts: ['2001:db8::1', '192.0.2.1'] });
    const taken = listenIntercepted(scope, { ...init, hosts: [HOST, `${BLOCK}.2`] });

    await expect(nowhere).rejects.toThrow(/EADDRNOTAVAIL/);
    await expect(taken).rejects.toThrow(/EADDRINUSE/);
    const client = await connectTo(scope, HOST, 15006);
    client.destroy();
    await once(client, 'close');
  });
});
