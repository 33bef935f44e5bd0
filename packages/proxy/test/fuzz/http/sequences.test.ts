/**
 * Messages that are right by themselves, or nearly, in orders that nobody meant: pipelined, reset, ended and left at any
 * moment, on both sides at once. A throw from an event would end the process, so surviving is the assertion.
 */
import { request as sendRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTcpApp } from '../../support/http-apps.js';
import { planTo, startProxy } from '../../support/http-proxy.js';
import {
  data,
  GET,
  goaway,
  headers,
  type Lines,
  opening,
  PING,
  reset,
  setting,
  settings,
  windowUpdate,
} from '../../support/raw-http2.js';
import { generator } from '../../support/seeded.js';
import { turns, watchUncaught } from '../../support/survival.js';

const uncaught = watchUncaught();
let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

const ROUNDS = 6;
const AT_ONCE = 15;

function chooser(random: () => number) {
  return <T>(from: readonly [T, ...T[]]): T => from[Math.floor(random() * from.length)] ?? from[0];
}

/** Clients that write some pieces with pauses between, and leave. */
async function clients(port: number, random: () => number, write: (socket: Socket) => void): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined).resume();
        for (let left = 1 + Math.floor(random() * 6); left > 0; left--) {
          write(socket);
          if (random() < 0.5) await turns(random() * 6);
        }
        if (random() < 0.3) socket.end();
        await turns(random() * 30);
        socket.destroy();
      }),
    );
  }
}

const line = (text: string, ...more: string[]) => `${text}\r\n${['Host: a', ...more].join('\r\n')}\r\n\r\n`;
const UPGRADE = 'Connection: Upgrade';

const REQUESTS: readonly [string, ...string[]] = [
  line('GET / HTTP/1.1'),
  line('GET / HTTP/1.1', 'Connection: close'),
  line('GET / HTTP/1.0'),
  line('HEAD / HTTP/1.1'),
  line('GET / HTTP/1.1', UPGRADE, 'Upgrade: websocket'),
  line('GET / HTTP/1.1', UPGRADE, 'Upgrade: h2c'),
  `${line('POST / HTTP/1.1', UPGRADE, 'Upgrade: h2c', 'Content-Length: 3')}abc`,
  `${line('POST / HTTP/1.1', 'Content-Length: 3')}abc`,
  line('POST / HTTP/1.1', 'Content-Length: 300000'),
  `${line('POST / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 3')}abc`,
  line('POST / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 3'),
  `${line('POST / HTTP/1.1', 'Expect: x', 'Content-Length: 3')}abc`,
  `${line('POST / HTTP/1.1', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\nz: 1\r\n\r\n`,
  `${line('POST / HTTP/1.1', 'Transfer-Encoding: chunked')}3\r\nabcX\r\n`,
  line('CONNECT a:1 HTTP/1.1'),
  line('GET / HTTP/1.1', 'Host: b'),
  'GET / HTTP/1.1\r\n\r\n',
  'GARBAGE\r\n\r\n',
];

const ANSWERS: readonly [string, ...string[]] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: z\r\n\r\n5\r\nhello\r\n0\r\nz: 1\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: bad\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nws',
  'HTTP/1.1 101 What\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 \x01\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nto the end',
  'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort',
  'not HTTP',
];

it('survives HTTP/1.1 in any order', async () => {
  const random = generator(5);
  const choose = chooser(random);
  const well = await startTcpApp(scope, (socket) => socket.once('data', () => socket.end(ANSWERS[0])));
  const ill = await startTcpApp(scope, (socket) => {
    socket.on('data', async () => {
      await turns(random() * 3);
      for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
        if (socket.writable) socket.write(choose(ANSWERS), 'latin1');
      }
      const leaving = random();
      if (leaving < 0.3) socket.destroy();
      else if (leaving < 0.5) socket.end();
    });
  });
  let port = ill;
  const proxy = await startProxy(scope, { version: 'http1', ports: [], route: () => planTo(port) });

  await clients(proxy.port, random, (socket) => void socket.write(choose(REQUESTS), 'latin1'));
  port = well;

  const answer = await new Promise<string>((resolve, reject) => {
    sendRequest({ host: '127.0.0.1', port: proxy.port }, (response) => resolve(text(response)))
      .once('error', reject)
      .end();
  });
  expect(answer).toBe('hello');
  expect(uncaught).toEqual([]);
});

const POST: Lines = [[':method', 'POST'], ...GET.slice(1)];
const HEADS: readonly [Lines, ...Lines[]] = [
  GET,
  POST,
  [...POST, ['content-length', '3']],
  [...GET, ['te', 'trailers'], ['content-type', 'application/grpc']],
  [[':method', 'HEAD'], ...GET.slice(1)],
  [
    [':method', 'CONNECT'],
    [':authority', 'a:1'],
  ],
  [['x-trailer', '1']],
  [[':path', '/in-trailers']],
];
const ANSWER_HEADS: readonly [Lines, ...Lines[]] = [
  [[':status', '200']],
  [
    [':status', '103'],
    ['link', '</a>'],
  ],
  [[':status', '100']],
  [[':status', '204']],
  [[':status', '777']],
  [
    [':status', '200'],
    ['content-length', '3'],
  ],
  [['grpc-status', '0']],
];
const ENDS: readonly ['ends', 'goes on'] = ['ends', 'goes on'];

it('survives HTTP/2 in any order', async () => {
  const random = generator(6);
  const choose = chooser(random);
  const number = (most: number) => Math.floor(random() * most);
  const well = await startTcpApp(scope, (socket) => {
    socket.once('data', () => socket.write(Buffer.concat([settings, headers(1, [[':status', '204']], 'ends')])));
  });
  const ill = await startTcpApp(scope, (socket) => {
    let stream = 1;
    socket.write(settings);
    socket.on('data', async () => {
      await turns(random() * 3);
      const frame = choose<() => Buffer>([
        () => headers(stream, choose(ANSWER_HEADS), choose(ENDS)),
        () => headers(stream, choose(ANSWER_HEADS), 'goes on'),
        () => data(stream, Buffer.alloc(number(3_000)), choose(ENDS)),
        () => reset(stream, number(14)),
        () => goaway(number(3)),
        () => setting(3, number(3)),
      ]);
      if (socket.writable) socket.write(frame());
      if (random() < 0.5) stream += 2;
      if (random() < 0.1) socket.destroy();
    });
  });
  let port = ill;
  const proxy = await startProxy(scope, { version: 'http2', ports: [], route: () => planTo(port) });
  const streams = new WeakMap<Socket, number>();

  await clients(proxy.port, random, (socket) => {
    const stream = streams.get(socket) ?? 1;
    if (!streams.has(socket)) socket.write(opening);
    streams.set(socket, random() < 0.4 ? stream + 2 : stream);
    const frame = choose<() => Buffer>([
      () => headers(stream, choose(HEADS), choose(ENDS)),
      () => Buffer.concat([headers(stream, choose(HEADS), choose(ENDS)), reset(stream)]),
      () => data(stream, Buffer.alloc(number(5_000)), choose(ENDS)),
      () => reset(stream),
      () => windowUpdate(stream, 65_535),
      () => setting(4, number(2)),
      () => goaway(0),
      () => PING,
    ]);
    socket.write(frame());
  });
  port = well;

  const last = connectHttp2(`http://127.0.0.1:${proxy.port}`);
  scope.own(() => last.destroy());
  const status = await new Promise((resolve, reject) => {
    last
      .request({ ':path': '/' })
      .on('response', (answer) => resolve(answer[':status']))
      .on('error', reject);
  });
  expect(status).toBe(204);
  expect(uncaught).toEqual([]);
});
