/** Bounds of the HTTP/2 server, each attacked, on time that the test owns. */
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { Downstream } from '../../../src/http/exchange.js';
import { createHttp2Server } from '../../../src/http/http2-server.js';
import { type HttpLimits, httpLimits } from '../../../src/http/limits.js';
import { closable, duplexPair } from '../../support/http-streams.js';

const sessions: ClientHttp2Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});

function serve(answer: (exchange: Downstream) => Promise<void>, limits: Partial<HttpLimits> = {}) {
  const clock = createVirtualClock();
  const server = createHttp2Server({ limits: httpLimits(limits), clock });
  const [client, stream] = duplexPair();
  const requests: Downstream[] = [];
  const malformed: string[] = [];
  server.accept(closable(stream), {
    request(exchange) {
      requests.push(exchange);
      return answer(exchange);
    },
    malformed: (reason) => malformed.push(reason),
  });
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  return { client, clock, requests, malformed, closed, drain: () => server.drain() };
}

function session(client: Duplex): ClientHttp2Session {
  const made = connect('http://client.invalid', { createConnection: () => client });
  made.on('error', () => undefined);
  sessions.push(made);
  return made;
}

/** The code a stream ended with, and its status if it had one. */
function outcome(
  client: ClientHttp2Session,
  headers: Record<string, string>,
): Promise<{ status?: number; code: number }> {
  return new Promise((resolve) => {
    const stream = client.request({ ':path': '/', ...headers });
    let status: number | undefined;
    stream.on('response', (received) => {
      status = received[':status'];
    });
    stream.on('error', () => undefined).resume();
    stream.on('close', () => resolve({ ...(status !== undefined && { status }), code: stream.rstCode }));
  });
}

async function ok(exchange: Downstream): Promise<void> {
  exchange.respond({ status: 200, fields: [], sensitive: [], ended: true });
  await exchange.finish([]);
}

async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('request heads', () => {
  it('resets a stream whose head has too many lines, and serves the next', async () => {
    const served = serve(ok, { headFields: 20 });
    const client = session(served.client);
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x-${index}`, '1']));

    const refused = await outcome(client, many);
    const next = await outcome(client, {});

    expect(refused.code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(next).toEqual({ status: 200, code: 0 });
    expect(served.requests).toHaveLength(1);
  });

  it('resets a stream whose head is too large, and serves the next', async () => {
    const served = serve(ok, { headBytes: 4_000 });
    const client = session(served.client);

    const refused = await outcome(client, { 'x-large': 'x'.repeat(8_000) });
    const next = await outcome(client, {});

    expect(refused.code).not.toBe(0);
    expect(next.status).toBe(200);
  });

  it('answers 405 to CONNECT inside the tunnel', async () => {
    const served = serve(ok);
    const client = session(served.client);

    const stream = client.request({ ':method': 'CONNECT', ':authority': 'other:443' });
    const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])));

    expect(status).toBe(405);
    expect(served.requests).toEqual([]);
  });

  it('closes a connection that never completes its preface', async () => {
    const served = serve(ok, { headMs: 1_000, lingerMs: 10 });
    served.client.write('PRI * HTTP/2.0\r\n\r\n');
    await turns();

    served.clock.advance(1_000);
    served.clock.advance(10);
    served.client.resume();

    await served.closed;
    expect(served.requests).toEqual([]);
  });

  it('reports and ends a connection that is not HTTP/2', async () => {
    const served = serve(ok);
    served.client.resume();

    served.client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await served.closed;
    await turns();

    expect(served.malformed).toHaveLength(1);
  });
});

describe('streams', () => {
  it('advertises how many may be open', async () => {
    const served = serve(ok, { concurrentStreams: 7 });
    const client = session(served.client);

    const settings = await new Promise<{ maxConcurrentStreams?: number }>((resolve) =>
      client.once('remoteSettings', resolve),
    );

    expect(settings.maxConcurrentStreams).toBe(7);
  });

  it('holds no more of a body than its window when nobody reads it', async () => {
    const served = serve(() => new Promise(() => undefined), { streamWindowBytes: 70_000 });
    const client = session(served.client);
    const stream = client.request({ ':path': '/', ':method': 'POST' });
    let written = 0;
    const chunk = Buffer.alloc(10_000);
    const push = () => {
      while (written < 5_000_000 && stream.write(chunk)) written += chunk.length;
    };
    stream.on('drain', push).on('error', () => undefined);
    push();

    await turns(50);

    const [request] = served.requests;
    expect(request?.body.readableLength).toBeLessThanOrEqual(70_000);
    expect(written).toBeLessThan(300_000);
  });
});

describe('ends', () => {
  it('says GOAWAY to a client that has been idle for too long', async () => {
    const served = serve(ok, { idleMs: 5_000 });
    const client = session(served.client);
    const goaway = new Promise((resolve) => client.once('goaway', resolve));
    await outcome(client, {});
    await turns();

    served.clock.advance(5_000);

    await goaway;
    await served.closed;
  });

  it('lets running requests finish when it drains, and opens no more', async () => {
    let finish: () => void = () => undefined;
    const served = serve(async (exchange) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      await ok(exchange);
    });
    const client = session(served.client);
    const running = outcome(client, {});
    await turns();

    served.drain();
    await turns();
    finish();

    expect(await running).toEqual({ status: 200, code: 0 });
    await turns();
    served.clock.advance(httpLimits().lingerMs);
    await served.closed;
  });

  it('keeps a client with a request under way while it answers PINGs, and gives it up when it does not', async () => {
    const served = serve(() => new Promise(() => undefined), { pongMs: 1_000 });
    const alive = serve(() => new Promise(() => undefined), { pongMs: 1_000 });
    // GET http://a/ by hand, from a client that hears nothing.
    const head = Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x61]);
    served.client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    served.client.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    served.client.write(Buffer.concat([Buffer.from([0, 0, head.length, 1, 5, 0, 0, 0, 1]), head]));
    served.client.resume();
    session(alive.client)
      .request({ ':path': '/' })
      .on('error', () => undefined);
    await turns();

    for (const { clock } of [served, alive]) clock.advance(1_000);
    await turns();
    for (const { clock } of [served, alive]) clock.advance(1_000);
    await served.closed;
    await turns();

    expect(served.requests[0]?.gone.aborted).toBe(true);
    expect(alive.requests[0]?.gone.aborted).toBe(false);
  });

  it('has nothing to say about a client that resets its connection', async () => {
    const served = serve(() => new Promise(() => undefined));
    session(served.client)
      .request({ ':path': '/' })
      .on('error', () => undefined);
    await turns();

    served.client.destroy(new Error('reset'));
    await served.closed;
    await turns();

    expect(served.malformed).toEqual([]);
    expect(served.requests[0]?.gone.aborted).toBe(true);
  });

  it('leaves no timer behind when the client goes', async () => {
    const served = serve(ok);
    const client = session(served.client);
    await outcome(client, {});

    client.destroy();
    await served.closed;
    await turns();

    expect(served.clock.pending).toBe(0);
  });
});
