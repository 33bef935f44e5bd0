/** Listening sockets that a head opens for its workers; the right to make them transparent is not needed to see that. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSharedListeners } from '../../../src/capture/interception/shared-listeners.js';
import { loadSocketOptions } from '../../../src/capture/interception/socket-options.js';

const loaded = await loadSocketOptions();
if (!loaded.ok) process.stderr.write(`shared listeners: skipped, ${loaded.reason}\n`);

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

async function open(drain = new AbortController().signal) {
  if (!loaded.ok) throw new Error('unreachable');
  const place = { hosts: ['127.0.0.1'], port: 0 };
  return openSharedListeners(scope, {
    doors: { outbound: place, 'inbound-plaintext': place },
    options: { makeTransparent() {}, duplicate: loaded.options.duplicate },
    drain,
  });
}

/** Listens on the first descriptor for outbound, as node:cluster does for workers. */
async function serve([fd = -1]: readonly number[] = []): Promise<Server> {
  const server = createServer((socket) => socket.end());
  await once(server.listen({ fd }), 'listening');
  return server;
}

async function call(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.resume();
  await once(socket, 'close');
}

const closed = (server: Server) => new Promise((resolve) => server.close(resolve));

it.runIf(loaded.ok)('outlive those who listened on them: who calls meanwhile is served by the next', async () => {
  const shared = await open();
  const first = await serve(shared.fresh().outbound);
  const { port } = first.address() as AddressInfo;
  await call(port);
  await closed(first);

  const calling = call(port);
  const second = await serve(shared.fresh().outbound);

  await calling;
  await closed(second);
});

it.runIf(loaded.ok)('keep no descriptors of those who never listened', async () => {
  const shared = await open();
  shared.fresh();
  const before = readdirSync('/proc/self/fd').length;

  shared.fresh();

  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
});

it.runIf(loaded.ok)('are gone when the process drains and the last one stops listening', async () => {
  const drain = new AbortController();
  const shared = await open(drain.signal);
  const server = await serve(shared.fresh().outbound);
  const { port } = server.address() as AddressInfo;

  drain.abort();
  await closed(server);

  await expect(call(port)).rejects.toThrow(/ECONNREFUSED/);
});
