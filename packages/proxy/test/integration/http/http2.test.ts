/** HTTP/2 with prior knowledge and gRPC through the data path: node:http2 and grpc-js on both ends. */
import { createHash, randomBytes } from 'node:crypto';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import * as grpc from '@grpc/grpc-js';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closedPort, startGrpcApp, startHttp2App } from '../../support/http-apps.js';
import { type L7Proxy, REFUSED, startProxy } from '../../support/http-proxy.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

function open(proxy: L7Proxy): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${proxy.port}`);
  session.on('error', () => undefined);
  scope.own(() => session.destroy());
  return session;
}

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

function head(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(`closed with ${stream.rstCode}`)));
  });
}

async function receive(stream: ClientHttp2Stream): Promise<Received> {
  let trailers: IncomingHttpHeaders = {};
  stream.once('trailers', (received) => {
    trailers = received;
  });
  const headers = await head(stream);
  return { headers, body: await text(stream), trailers };
}

function closed(stream: ClientHttp2Stream): Promise<number> {
  stream.on('error', () => undefined);
  stream.resume();
  return new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)));
}

describe('requests and answers', () => {
  it('carries pseudo-header fields, repeated fields, bodies and trailers both ways', async () => {
    let seen: IncomingHttpHeaders = {};
    let seenTrailers: IncomingHttpHeaders = {};
    const app = await startHttp2App(scope, async (stream, headers) => {
      seen = headers;
      stream.once('trailers', (trailers) => {
        seenTrailers = trailers;
      });
      const body = await text(stream);
      stream.respond({ ':status': 201, 'set-cookie': ['a=1', 'b=2'] }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
      stream.end(`echo ${body}`);
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });

    const stream = open(proxy).request(
      { ':method': 'POST', ':path': '/a?b', ':authority': 'reviews:9080', baggage: 'user=ann', te: 'trailers' },
      { waitForTrailers: true },
    );
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-up': '7' }));
    stream.end('hello');
    const answer = await receive(stream);

    expect(answer).toMatchObject({ body: 'echo hello', trailers: { 'x-sum': '42' } });
    expect(answer.headers).toMatchObject({ ':status': 201, 'set-cookie': ['a=1', 'b=2'] });
    expect(seen).toMatchObject({
      ':method': 'POST',
      ':path': '/a?b',
      ':authority': 'reviews:9080',
      baggage: 'user=ann',
      te: 'trailers',
    });
    expect(seenTrailers).toMatchObject({ 'x-up': '7' });
    expect(await proxy.report(0)).toMatchObject({
      method: 'POST',
      authority: 'reviews:9080',
      requestBytes: 5,
      responseBytes: 10,
      responseCode: 201,
    });
  });

  it('keeps never-indexed fields never-indexed on the next hop', async () => {
    const names: (readonly string[])[] = [];
    const app = await startHttp2App(scope, (stream, headers) => {
      names.push((headers as { [key: symbol]: string[] })[sensitiveHeaders] ?? []);
      stream.respond({ ':status': 200 }, { endStream: true });
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const headers: OutgoingHttpHeaders = { ':path': '/', 'x-token': 'secret' };
    (headers as { [key: symbol]: string[] })[sensitiveHeaders] = ['x-token'];

    await receive(open(proxy).request(headers));

    expect(names[0]).toContain('x-token');
  });

  it('balances each request of one client connection, two applications in turn', async () => {
    const apps = await Promise.all(
      ['a', 'b'].map((name) =>
        startHttp2App(scope, (stream) => {
          stream.respond({ ':status': 200 });
          stream.end(name);
        }),
      ),
    );
    const proxy = await startProxy(scope, { version: 'http2', ports: apps.map((app) => app.port) });
    const session = open(proxy);

    const bodies: string[] = [];
    for (let index = 0; index < 6; index++) bodies.push((await receive(session.request({ ':path': '/' }))).body);

    expect(bodies).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    expect(proxy.opened).toHaveLength(2);
    const destinations = new Set(proxy.reports.map((report) => report.destination.workload));
    expect(destinations).toEqual(new Set(apps.map((app) => `app-${app.port}`)));
  });

  it('runs a hundred requests at once over one application connection', async () => {
    const app = await startHttp2App(scope, async (stream) => {
      const body = await text(stream);
      stream.respond({ ':status': 200 });
      stream.end(body);
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const session = open(proxy);

    const bodies = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const stream = session.request({ ':path': '/', ':method': 'POST' });
        stream.end(`body ${index}`);
        return (await receive(stream)).body;
      }),
    );

    expect(bodies).toEqual(Array.from({ length: 100 }, (_, index) => `body ${index}`));
    expect(proxy.opened).toHaveLength(1);
  });

  it('carries 8 MB both ways at once with equal hashes', async () => {
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const body = randomBytes(8 << 20);

    const stream = open(proxy).request({ ':path': '/', ':method': 'POST' });
    Readable.from([body]).pipe(stream);
    const received = await buffer(stream);

    expect(createHash('sha256').update(received).digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('answers %s with status %i without a body', async (method, status) => {
    const app = await startHttp2App(scope, (stream) =>
      stream.respond({ ':status': status, 'x-a': '1' }, { endStream: true }),
    );
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });

    const answer = await receive(open(proxy).request({ ':path': '/', ':method': method }));

    expect(answer).toMatchObject({ headers: { ':status': status, 'x-a': '1' }, body: '' });
  });

  it('passes informational answers on', async () => {
    const app = await startHttp2App(scope, (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' });
      stream.respond({ ':status': 200 });
      stream.end('page');
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const stream = open(proxy).request({ ':path': '/' });
    const hint = new Promise<IncomingHttpHeaders>((resolve) => stream.once('headers', resolve));

    const answer = await receive(stream);

    expect(answer.body).toBe('page');
    expect(await hint).toMatchObject({ ':status': 103, link: '</a>; rel=preload' });
  });

  it('ends the request when the application has answered before all of it came', async () => {
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 413 });
      stream.end('too much');
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const stream = open(proxy).request({ ':path': '/', ':method': 'POST' });
    stream.write('the first of many');

    const answer = await receive(stream);

    expect(answer).toMatchObject({ headers: { ':status': 413 }, body: 'too much' });
    expect((await proxy.report(0)).fault).toBeUndefined();
  });
});

describe('failures', () => {
  it('sends a request again, whatever its method, when the application refused the stream', async () => {
    let seen = 0;
    const app = await startHttp2App(scope, async (stream) => {
      if (seen++ === 0) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
      const body = await text(stream);
      stream.respond({ ':status': 200 });
      stream.end(body);
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const stream = open(proxy).request({ ':path': '/', ':method': 'POST' });
    stream.end('exactly once');

    expect(await receive(stream)).toMatchObject({ headers: { ':status': 200 }, body: 'exactly once' });
  });

  it('resets the client stream with the code of the application, and no other stream suffers', async () => {
    const serving = new Map<unknown, ServerHttp2Stream>();
    const app = await startHttp2App(scope, (stream, headers) => {
      serving.set(headers[':path'], stream);
      // Without this, node:http2 would end the stream in order before it resets it.
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.write('part');
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const session = open(proxy);
    const [broken, whole] = [session.request({ ':path': '/broken' }), session.request({ ':path': '/whole' })];
    await Promise.all([head(broken), head(whole)]);

    serving.get('/broken')?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const code = await closed(broken);
    serving.get('/whole')?.once('wantTrailers', () => serving.get('/whole')?.sendTrailers({}));
    serving.get('/whole')?.end(' and end');

    expect(code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(await text(whole)).toBe('part and end');
    expect(await proxy.report(0)).toMatchObject({ path: '/broken', fault: { code: 'UPSTREAM_RESET' } });
  });

  it('cancels the request at the application when the client cancels', async () => {
    let cancelled: (code: number) => void = () => undefined;
    const code = new Promise<number>((resolve) => {
      cancelled = resolve;
    });
    const app = await startHttp2App(scope, (stream) => {
      stream.once('close', () => cancelled(stream.rstCode));
      stream.respond({ ':status': 200 });
      stream.write('waiting');
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const stream = open(proxy).request({ ':path': '/' });
    await head(stream);

    stream.close(constants.NGHTTP2_CANCEL);

    expect(await code).toBe(constants.NGHTTP2_CANCEL);
    expect(await proxy.report(0)).toMatchObject({ responseCode: 200, fault: { code: 'CLIENT_GONE' } });
  });

  it('does not make a request look complete to the application when the client breaks it off', async () => {
    let outcome: (end: string) => void = () => undefined;
    const end = new Promise<string>((resolve) => {
      outcome = resolve;
    });
    const app = await startHttp2App(scope, (stream) => {
      stream.resume();
      stream.once('end', () => outcome('complete'));
      stream.once('aborted', () => outcome('broken off'));
      stream.respond({ ':status': 200 });
      stream.write('go on');
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const stream = open(proxy).request({ ':path': '/', ':method': 'POST' }, { waitForTrailers: true });
    stream.write('half of it');
    await head(stream);

    stream.close(constants.NGHTTP2_CANCEL);

    expect(await end).toBe('broken off');
  });

  it('answers 503 with the fault when the application connection ends before the answer', async () => {
    const app = await startHttp2App(scope, (stream) => stream.session?.destroy());
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const stream = open(proxy).request({ ':path': '/', ':method': 'POST' });
    stream.end('x');

    const answer = await receive(stream);

    expect(answer).toMatchObject({ headers: { ':status': 503 } });
    expect(answer.body).toMatch(/^request not served: (TUNNEL_LOST|UPSTREAM_RESET)\n$/);
  });

  it('moves to another connection after a graceful GOAWAY', async () => {
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
      stream.session?.close();
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });
    const session = open(proxy);

    const bodies: string[] = [];
    for (let index = 0; index < 4; index++)
      bodies.push((await receive(session.request({ ':path': '/', ':method': 'POST' }))).body);

    expect(bodies).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(proxy.reports.some((report) => report.fault)).toBe(false);
  });
});

describe('gRPC', () => {
  const raw = (value: Buffer): Buffer => value;
  const definition = { unary: { path: '/shop.Ratings/Get' }, chat: { path: '/shop.Ratings/Chat' } };

  function client(port: number): grpc.Client {
    const made = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    scope.own(() => made.close());
    return made;
  }

  function get(
    port: number,
    message: string,
  ): Promise<{ reply?: string; error?: grpc.ServiceError; trailer?: grpc.Metadata }> {
    return new Promise((resolve) => {
      let trailer: grpc.Metadata | undefined;
      const call = client(port).makeUnaryRequest(
        definition.unary.path,
        raw,
        raw,
        Buffer.from(message),
        (error: grpc.ServiceError | null, reply?: Buffer) =>
          setImmediate(() =>
            resolve({ ...(error ? { error } : { reply: String(reply) }), ...(trailer && { trailer }) }),
          ),
      );
      call.on('status', (status) => {
        trailer = status.metadata;
      });
    });
  }

  it('carries a unary call with its trailers and reports its status', async () => {
    const proxy = await startProxy(scope, { version: 'http2', ports: [await startGrpcApp(scope)] });

    const { reply, trailer } = await get(proxy.port, 'book');

    expect(reply).toBe('rating of book');
    expect(trailer?.get('x-served-by')).toEqual(['ratings-1']);
    expect(await proxy.report(0)).toMatchObject({
      protocol: 'grpc',
      responseCode: 200,
      grpcStatus: 0,
      path: '/shop.Ratings/Get',
    });
  });

  it('carries an error status and reports it', async () => {
    const proxy = await startProxy(scope, { version: 'http2', ports: [await startGrpcApp(scope)] });

    const { error } = await get(proxy.port, 'missing');

    expect(error).toMatchObject({ code: grpc.status.NOT_FOUND, details: 'no such rating' });
    expect(await proxy.report(0)).toMatchObject({ protocol: 'grpc', responseCode: 200, grpcStatus: 5 });
  });

  it('carries a bidirectional stream message by message', async () => {
    const proxy = await startProxy(scope, { version: 'http2', ports: [await startGrpcApp(scope)] });
    const call = client(proxy.port).makeBidiStreamRequest(definition.chat.path, raw, raw);
    const replies: string[] = [];

    await new Promise<void>((resolve, reject) => {
      call.on('data', (message: Buffer) => {
        replies.push(String(message));
        if (replies.length < 5) call.write(Buffer.from(String(replies.length)));
        else call.end();
      });
      call.on('end', resolve);
      call.on('error', reject);
      call.write(Buffer.from('0'));
    });

    expect(replies).toEqual(['> 0', '> 1', '> 2', '> 3', '> 4']);
    expect(await proxy.report(0)).toMatchObject({ grpcStatus: 0 });
  });

  it('tells a gRPC client UNAVAILABLE and the fault when nobody can serve', async () => {
    const proxy = await startProxy(scope, { version: 'http2', ports: [], route: () => REFUSED });

    const { error } = await get(proxy.port, 'book');

    expect(error).toMatchObject({ code: grpc.status.UNAVAILABLE, details: 'request not served: NO_HEALTHY_UPSTREAM' });
    expect(await proxy.report(0)).toMatchObject({
      responseCode: 200,
      grpcStatus: 14,
      fault: { code: 'NO_HEALTHY_UPSTREAM' },
    });
  });

  it('tries another endpoint for a call that reached nobody', async () => {
    const proxy = await startProxy(scope, { version: 'http2', ports: [await closedPort(), await startGrpcApp(scope)] });

    expect((await get(proxy.port, 'book')).reply).toBe('rating of book');
  });
});
