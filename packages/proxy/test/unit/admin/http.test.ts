/** The small servers of pages, as seen by somebody in the cluster who means no good: metrics and readiness are open to all. */
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createScope, silentLogger } from '@isthmus/sdk/runtime';
import { afterEach, expect, it } from 'vitest';
import { type HttpInit, type Route, serveHttp } from '../../../src/admin/http.js';

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

function serve(handle: Route['handle'], more: Partial<HttpInit> = {}): Promise<number> {
  const routes: readonly Route[] = [{ method: 'GET', path: '/page', summary: '', handle }];
  return serveHttp(scope, { address: { host: '127.0.0.1', port: 0 }, routes, log: silentLogger, ...more });
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  scope.own(() => void socket.destroy());
  return socket;
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));
const REQUEST = 'GET /page HTTP/1.1\r\nHost: a\r\n\r\n';

it('makes one page at a time for a connection: who asks for the next without reading is cut off', async () => {
  let made = 0;
  const port = await serve(async () => {
    made += 1;
    return { status: 200, body: 'a 1\n' };
  });
  const socket = open(port);

  socket.write(REQUEST.repeat(1_000));
  await closed(socket);

  expect(made).toBe(1);
});

it('serves one request after the other on a connection', async () => {
  const port = await serve(() => ({ status: 200, body: 'a 1\n' }));
  const socket = open(port);
  socket.setEncoding('utf8');

  for (let index = 0; index < 3; index += 1) {
    socket.write(REQUEST);
    let received = '';
    while (!received.endsWith('a 1\n')) {
      received += await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))));
    }
  }

  socket.end(REQUEST.replace('Host: a', 'Host: a\r\nConnection: close'));
  expect(await text(socket)).toMatch(/a 1\n$/);
});

it('makes a long page no faster than it is read, and leaves a reader that takes nothing', async () => {
  let made = 0;
  let given = () => {};
  const givenUp = new Promise<void>((resolve) => {
    given = resolve;
  });
  function* pieces() {
    try {
      for (; made < 10_000; made += 1) yield 'x'.repeat(65_536);
    } finally {
      given();
    }
  }
  const port = await serve(() => ({ status: 200, body: pieces() }), { stalledMs: 100 });

  open(port).pause().write(REQUEST);
  await givenUp;

  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(1_000);
});

it.each(['gzip', 'identity'])('sends a page of pieces whole, %s', async (encoding) => {
  const page = Array.from({ length: 100 }, (_, index) => `metric{label="${index}"} ${index}\n`.repeat(100));
  const port = await serve(() => ({ status: 200, body: page.values() }));

  const answer = await fetch(`http://127.0.0.1:${port}/page`, { headers: { 'accept-encoding': encoding } });

  expect(answer.headers.get('content-encoding')).toBe(encoding === 'gzip' ? 'gzip' : null);
  expect(await answer.text()).toBe(page.join(''));
});

it('answers HEAD without making the pieces', async () => {
  const port = await serve(() => ({ status: 200, body: pieces() }));
  let made = 0;
  function* pieces() {
    made += 1;
    yield 'a 1\n';
  }

  const answer = await fetch(`http://127.0.0.1:${port}/page`, { method: 'HEAD' });

  expect([answer.status, await answer.text(), made]).toEqual([200, '', 0]);
});

it('keeps no connection that says nothing, and no more than its bound of those that do', async () => {
  const port = await serve(() => ({ status: 200, body: 'a 1\n' }), { maxConnections: 2 });
  const silent = [open(port), open(port)];
  await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  const oneMore = open(port);

  await closed(oneMore.resume());
  await Promise.all(silent.map((socket) => closed(socket.resume())));

  expect(await (await fetch(`http://127.0.0.1:${port}/page`)).text()).toBe('a 1\n');
});
