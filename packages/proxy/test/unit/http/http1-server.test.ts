/** Bounds of the HTTP/1.1 server, each attacked, on time that the test owns. */
import type { Duplex } from 'node:stream';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import type { Downstream } from '../../../src/http/exchange.js';
import { createHttp1Server } from '../../../src/http/http1-server.js';
import { type HttpLimits, httpLimits } from '../../../src/http/limits.js';
import { closable, duplexPair } from '../../support/http-streams.js';

interface Served {
  readonly client: Duplex;
  readonly clock: ReturnType<typeof createVirtualClock>;
  readonly requests: Downstream[];
  readonly malformed: string[];
  /** What the client received so far. */
  received(): string;
  readonly closed: Promise<void>;
  drain(): void;
}

function serve(answer: (exchange: Downstream) => Promise<void>, limits: Partial<HttpLimits> = {}): Served {
  const clock = createVirtualClock();
  const server = createHttp1Server({ limits: httpLimits(limits), clock });
  const [client, stream] = duplexPair();
  const [requests, malformed, chunks]: [Downstream[], string[], Buffer[]] = [[], [], []];
  server.accept(closable(stream), {
    request(exchange) {
      requests.push(exchange);
      return answer(exchange);
    },
    malformed: (reason) => malformed.push(reason),
  });
  client.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  return {
    client,
    clock,
    requests,
    malformed,
    received: () => String(Buffer.concat(chunks)),
    closed,
    drain: () => server.drain(),
  };
}

async function ok(exchange: Downstream): Promise<void> {
  const sink = exchange.respond({ status: 200, fields: [['content-length', '2']], sensitive: [], ended: false });
  if (sink !== 'no-body') sink.write('ok');
  await exchange.finish([]);
}

async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('request heads', () => {
  it('answers 431 to a head over the limit of bytes', async () => {
    const served = serve(ok, { headBytes: 1_000 });

    served.client.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2_000)}\r\n\r\n`);
    await served.closed;

    expect(served.received()).toMatch(/^HTTP\/1\.1 431 /);
    expect(served.requests).toEqual([]);
    expect(served.malformed).toHaveLength(1);
  });

  it('answers 431 to a head over the limit of lines, and drops none silently', async () => {
    const served = serve(ok, { headFields: 10 });

    served.client.write(`GET / HTTP/1.1\r\nHost: a\r\n${'x: 1\r\n'.repeat(10)}\r\n`);
    await served.closed;

    expect(served.received()).toMatch(/^HTTP\/1\.1 431 /);
    expect(served.requests).toEqual([]);
  });

  it('answers 408 when a head takes too long, however slowly its bytes come', async () => {
    const served = serve(ok, { headMs: 1_000 });
    served.client.write('GET / HT');
    await turns();
    served.clock.advance(900);
    served.client.write('TP/1.1\r\nHos');
    await turns();

    served.clock.advance(100);
    await served.closed;

    expect(served.received()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('closes a connection on which no request ever begins', async () => {
    const served = serve(ok, { headMs: 1_000 });

    served.clock.advance(1_000);
    await served.closed;

    expect(served.received()).toBe('');
  });

  it('closes a connection that has been idle for too long after a request', async () => {
    const served = serve(ok, { headMs: 1_000, idleMs: 5_000 });
    served.client.write(GET);
    await turns();

    served.clock.advance(4_999);
    await turns();
    const before = served.client.destroyed;
    served.clock.advance(1);
    await served.closed;

    expect(before).toBe(false);
    expect(served.received()).toMatch(/ok$/);
  });

  it('has no deadline for an answer', async () => {
    const served = serve(() => new Promise(() => undefined), { headMs: 1_000, idleMs: 2_000 });
    served.client.write(GET);
    await turns();

    served.clock.advance(1_000_000);
    await turns();

    expect(served.client.destroyed).toBe(false);
  });

  it.each([
    ['two different lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['a bare line feed in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n'.replace('\nY', '\x00Y')],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
  ])('answers 400 to %s, which two parsers would read differently', async (_name, bytes) => {
    const served = serve(ok);

    served.client.write(bytes);
    await turns();

    expect(served.received()).toMatch(/^HTTP\/1\.1 400 /);
    expect(served.requests).toEqual([]);
  });

  it('answers 405 to CONNECT inside the tunnel', async () => {
    const served = serve(ok);

    served.client.write('CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n');
    await served.closed;

    expect(served.received()).toMatch(/^HTTP\/1\.1 405 /);
    expect(served.requests).toEqual([]);
  });
});

describe('pipelining', () => {
  it('starts a request only when the one before it has been answered', async () => {
    const finish: (() => void)[] = [];
    const served = serve(async (exchange) => {
      await new Promise<void>((resolve) => finish.push(resolve));
      await ok(exchange);
    });

    served.client.write(GET + GET);
    await turns();
    const running = served.requests.length;
    finish[0]?.();
    await turns();

    expect([running, served.requests.length]).toEqual([1, 2]);
  });

  it('closes a connection with more waiting requests than allowed, and keeps nothing of them', async () => {
    const served = serve(() => new Promise(() => undefined), { pipelined: 10 });

    served.client.write(GET.repeat(1_000));
    await served.closed;

    expect(served.requests).toHaveLength(1);
    expect(served.malformed).toHaveLength(1);
  });
});

describe('drain', () => {
  it('closes idle connections at once', async () => {
    const served = serve(ok);
    served.client.write(GET);
    await turns();

    served.drain();

    await served.closed;
  });

  it('lets a running request finish, says Connection: close, and closes', async () => {
    let finish: () => void = () => undefined;
    const served = serve(async (exchange) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      await ok(exchange);
    });
    served.client.write(GET);
    await turns();

    served.drain();
    finish();
    await served.closed;

    expect(served.received()).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*ok$/i);
  });
});

it.each([
  ['resets its connection', (client: Duplex) => client.destroy(new Error('reset'))],
  ['ends its side in the middle of a head', (client: Duplex) => client.end()],
])('has nothing to say about a client that %s', async (_name, leave) => {
  const served = serve(ok);
  served.client.write('GET / HT');
  await turns();

  leave(served.client);
  await served.closed;
  await turns();

  expect(served.malformed).toEqual([]);
  expect(served.received()).toBe('');
});

it('leaves no timer behind when the client goes', async () => {
  const served = serve(ok);
  served.client.write(GET);
  await turns();

  served.client.destroy();
  await turns();

  expect(served.clock.pending).toBe(0);
});
