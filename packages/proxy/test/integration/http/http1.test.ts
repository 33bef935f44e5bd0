/** HTTP/1.1 through the data path: real clients, real applications, streams that are not sockets in between. */
import { createHash, randomBytes } from 'node:crypto';
import { Agent, type IncomingMessage, type RequestOptions, request as sendRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closedPort, startHttp1App, startTcpApp } from '../../support/http-apps.js';
import { REFUSED, startProxy } from '../../support/http-proxy.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

function send(options: RequestOptions, body?: Readable | string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ host: '127.0.0.1', ...options }, resolve);
    request.once('error', reject);
    if (body instanceof Readable) body.pipe(request);
    else request.end(body);
  });
}

/** Sends bytes as they are and reads until the server closes. */
function exchangeRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes, 'latin1');
  return text(socket);
}

describe('requests and answers', () => {
  it('carries method, target, header lines with their case and order, and the body to the application', async () => {
    let seen: { method?: string; url?: string; raw: string[]; body: string } | undefined;
    const app = await startHttp1App(scope, async (request, response) => {
      seen = { method: request.method!, url: request.url!, raw: request.rawHeaders, body: await text(request) };
      response.writeHead(201, 'Made', ['X-One', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']);
      response.end('done');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await send(
      { port: proxy.port, method: 'PUT', path: '/a?b=c', headers: { 'X-Case': 'Kept', 'Content-Length': 5 } },
      'hello',
    );

    expect(await text(answer)).toBe('done');
    expect(answer.statusCode).toBe(201);
    expect(answer.statusMessage).toBe('Made');
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(seen).toMatchObject({ method: 'PUT', url: '/a?b=c', body: 'hello' });
    expect(seen?.raw).toEqual(expect.arrayContaining(['X-Case', 'Kept', 'Content-Length', '5']));
    expect(await proxy.report(0)).toMatchObject({
      method: 'PUT',
      path: '/a?b=c',
      protocol: 'http',
      responseCode: 201,
      requestBytes: 5,
      responseBytes: 4,
      destination: { workload: `app-${app.port}` },
      upstreamAddress: `127.0.0.1:${app.port}`,
    });
  });

  it('leaves tracing and forwarding lines and the application baggage alone, and takes hop-by-hop lines away', async () => {
    let seen: IncomingMessage['headers'] = {};
    const app = await startHttp1App(scope, (request, response) => {
      seen = request.headers;
      response.writeHead(200, { connection: 'x-hop', 'x-hop': '1', 'x-end': '2', 'keep-alive': 'timeout=9' });
      response.end();
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await send({
      port: proxy.port,
      headers: {
        baggage: 'user=ann',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'x-forwarded-for': '192.0.2.1',
        'x-forwarded-client-cert': 'By=spiffe://forged',
        connection: 'close, x-secret, authorization',
        'x-secret': '1',
        authorization: 'Bearer t',
        te: 'trailers',
      },
    });

    await text(answer);
    expect(seen).toMatchObject({
      baggage: 'user=ann',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-forwarded-for': '192.0.2.1',
      authorization: 'Bearer t',
      te: 'trailers',
      'x-request-id': 'fresh-id',
    });
    expect(seen['x-secret']).toBeUndefined();
    expect(seen['x-forwarded-client-cert']).toBeUndefined();
    expect(answer.headers['x-hop']).toBeUndefined();
    expect(answer.headers['x-end']).toBe('2');
  });

  it('keeps the client connection and the application connection for the next request', async () => {
    const app = await startHttp1App(scope, (_request, response) => response.end('ok'));
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    scope.own(() => agent.destroy());

    for (let index = 0; index < 5; index++) await text(await send({ port: proxy.port, agent }));

    await proxy.report(4);
    expect(proxy.opened).toHaveLength(1);
  });

  it('carries 15 MB both ways at once with equal hashes', async () => {
    const app = await startHttp1App(scope, (request, response) => {
      request.pipe(response);
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    const block = randomBytes(1 << 16);
    const blocks = 240;
    const sentHash = createHash('sha256');
    for (let index = 0; index < blocks; index++) sentHash.update(block);

    const answer = await send(
      { port: proxy.port, method: 'POST' },
      Readable.from(
        (function* () {
          for (let index = 0; index < blocks; index++) yield block;
        })(),
      ),
    );
    const received = createHash('sha256').update(await buffer(answer));

    expect(received.digest('hex')).toBe(sentHash.digest('hex'));
    expect(await proxy.report(0)).toMatchObject({
      requestBytes: blocks * block.length,
      responseBytes: blocks * block.length,
    });
  });

  it('streams: the client reads the first part of an answer before the application has written the second', async () => {
    let finish = (): void => undefined;
    const app = await startHttp1App(scope, (_request, response) => {
      response.write('first');
      finish = () => response.end('second');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await send({ port: proxy.port });
    const first = await new Promise<Buffer>((resolve) => answer.once('data', resolve));
    finish();

    expect(String(first)).toBe('first');
    expect(await text(answer)).toBe('second');
  });

  it('passes trailers both ways', async () => {
    let seen: string[] = [];
    const app = await startHttp1App(scope, async (request, response) => {
      await text(request);
      seen = request.rawTrailers;
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('body');
      response.addTrailers({ 'x-sum': '42' });
      response.end();
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await new Promise<IncomingMessage>((resolve) => {
      const request = sendRequest(
        { host: '127.0.0.1', port: proxy.port, method: 'POST', headers: { trailer: 'x-up' } },
        resolve,
      );
      request.write('data');
      request.addTrailers({ 'x-up': '7' });
      request.end();
    });

    expect(await text(answer)).toBe('body');
    expect(answer.trailers).toEqual({ 'x-sum': '42' });
    expect(seen).toEqual(['x-up', '7']);
  });

  it('passes an answer on whose Trailer line announces what cannot come', async () => {
    const app = await startTcpApp(scope, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTrailer: x-sum\r\n\r\nbody'));
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app] });

    const answer = await send({ port: proxy.port });

    expect([answer.statusCode, await text(answer)]).toEqual([200, 'body']);
  });

  it('lets the application decide on Expect: 100-continue', async () => {
    const app = await startHttp1App(scope, () => undefined);
    app.server.on('checkContinue', async (request, response) => {
      response.writeContinue();
      response.end(`got ${await text(request)}`);
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await new Promise<IncomingMessage>((resolve) => {
      const request = sendRequest(
        {
          host: '127.0.0.1',
          port: proxy.port,
          method: 'POST',
          headers: { expect: '100-continue', 'content-length': 4 },
        },
        resolve,
      );
      request.once('continue', () => request.end('body'));
      request.flushHeaders();
    });

    expect(await text(answer)).toBe('got body');
  });

  it('closes the client connection when the application answers without asking for the expected body', async () => {
    const app = await startHttp1App(scope, () => undefined);
    app.server.on('checkContinue', (_request, response) => response.writeHead(413).end('too much'));
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const raw = await exchangeRaw(
      proxy.port,
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
    );

    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
    expect(raw).toMatch(/connection: close/i);
  });

  it('passes 103 Early Hints on before the answer', async () => {
    const app = await startHttp1App(scope, (_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
      response.end('page');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    const hints: unknown[] = [];

    const answer = await new Promise<IncomingMessage>((resolve) => {
      const request = sendRequest({ host: '127.0.0.1', port: proxy.port }, resolve);
      request.on('information', (information) => hints.push([information.statusCode, information.headers.link]));
      request.end();
    });

    expect(await text(answer)).toBe('page');
    expect(hints).toEqual([[103, '</style.css>; rel=preload; as=style']]);
  });

  it.each([
    ['HEAD', 200, '12'],
    ['GET', 204, undefined],
    ['GET', 304, undefined],
  ])('answers %s with status %i without a body and keeps the connection usable', async (method, status, length) => {
    const app = await startHttp1App(scope, (request, response) => {
      if (request.method === 'HEAD') response.setHeader('content-length', '12');
      response.writeHead(status).end();
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    scope.own(() => agent.destroy());

    const first = await send({ port: proxy.port, method, agent });
    const body = await text(first);
    const second = await send({ port: proxy.port, method, agent });
    await text(second);

    expect([first.statusCode, first.headers['content-length'], body]).toEqual([status, length, '']);
    expect(second.statusCode).toBe(status);
    expect(proxy.opened).toHaveLength(1);
  });

  it('serves HTTP/1.0 clients: no chunks, and the connection ends with the answer', async () => {
    const app = await startHttp1App(scope, (_request, response) => {
      response.write('part one, ');
      response.end('part two');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const raw = await exchangeRaw(proxy.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n');

    expect(raw).not.toMatch(/transfer-encoding/i);
    expect(raw).toMatch(/\r\n\r\npart one, part two$/);
  });

  it('answers pipelined requests in order', async () => {
    const app = await startHttp1App(scope, (request, response) => response.end(`[${request.url}]`));
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

    const raw = await exchangeRaw(proxy.port, get('/1') + get('/2') + get('/3', 'Connection: close\r\n'));

    expect(raw.match(/\[\/\d\]/g)).toEqual(['[/1]', '[/2]', '[/3]']);
  });

  it('delivers a large answer whole when the client asked for the connection to be closed', async () => {
    const size = 4_000_000;
    const app = await startHttp1App(scope, (_request, response) => response.end(Buffer.alloc(size, 'x')));
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await send({ port: proxy.port, headers: { connection: 'close' } });

    expect((await buffer(answer)).length).toBe(size);
  });
});

describe('upgrades', () => {
  const HANDSHAKE =
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n';

  it('tunnels a WebSocket both ways, half-close included', async () => {
    const app = await startHttp1App(scope, () => undefined);
    app.server.on('upgrade', (request, socket, head) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${request.headers['sec-websocket-key']}\r\n\r\nwelcome `,
      );
      const chunks: Buffer[] = [head];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => socket.end(`bye ${Buffer.concat(chunks)}`));
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(`${HANDSHAKE}early `);
    socket.once('data', () => socket.end('late'));
    const raw = await text(socket);

    expect(raw).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(raw).toMatch(/sec-websocket-accept: k/i);
    expect(raw).toMatch(/welcome bye early late$/);
    expect(await proxy.report(0)).toMatchObject({ responseCode: 101, requestBytes: 10, responseBytes: 22 });
  });

  it('passes on the answer of an application that declines, and closes', async () => {
    const app = await startHttp1App(scope, (_request, response) => response.writeHead(426).end('no'));
    app.server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const raw = await exchangeRaw(proxy.port, HANDSHAKE);

    expect(raw).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(raw).toMatch(/\r\n\r\nno$/);
  });

  it('serves a request that offers h2c as the HTTP/1.1 request it is, body included', async () => {
    let seen: IncomingMessage['headers'] = {};
    const app = await startHttp1App(scope, async (request, response) => {
      seen = request.headers;
      response.end(`echo ${await text(request)}`);
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const raw = await exchangeRaw(
      proxy.port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 4\r\n\r\nbody',
    );

    expect(raw).toMatch(/echo body$/);
    expect(seen.upgrade).toBeUndefined();
    expect(seen['http2-settings']).toBeUndefined();
  });
});

describe('failures', () => {
  it('names the fault in a 503 when no endpoint can be used', async () => {
    const proxy = await startProxy(scope, { version: 'http1', ports: [], route: () => REFUSED });

    const answer = await send({ port: proxy.port });

    expect(answer.statusCode).toBe(503);
    expect(await text(answer)).toBe('request not served: NO_HEALTHY_UPSTREAM\n');
    expect(await proxy.report(0)).toMatchObject({
      responseCode: 503,
      fault: { code: 'NO_HEALTHY_UPSTREAM' },
      destination: {},
    });
  });

  it('tries another endpoint when one cannot be reached, for any method', async () => {
    const app = await startHttp1App(scope, async (request, response) => response.end(await text(request)));
    const proxy = await startProxy(scope, { version: 'http1', ports: [await closedPort(), app.port] });

    const answer = await send({ port: proxy.port, method: 'POST' }, 'once');

    expect(answer.statusCode).toBe(200);
    expect(await text(answer)).toBe('once');
    expect(await proxy.report(0)).toMatchObject({ responseCode: 200, destination: { workload: `app-${app.port}` } });
    expect((await proxy.report(0)).fault).toBeUndefined();
  });

  it('gives up when the only endpoint cannot be reached', async () => {
    const proxy = await startProxy(scope, { version: 'http1', ports: [await closedPort()] });

    const answer = await send({ port: proxy.port });

    expect(answer.statusCode).toBe(503);
    expect(await text(answer)).toBe('request not served: CONNECT_FAILED\n');
    expect(proxy.opened).toHaveLength(1);
  });

  it('repeats an idempotent request with its body when the connection dies before the answer', async () => {
    const dying = await startHttp1App(scope, (request) => {
      request.once('data', () => request.socket.destroy());
    });
    const app = await startHttp1App(scope, async (request, response) => response.end(await text(request)));
    const proxy = await startProxy(scope, { version: 'http1', ports: [dying.port, app.port] });

    const answer = await send({ port: proxy.port, method: 'PUT' }, 'again');

    expect(await text(answer)).toBe('again');
    expect(proxy.opened).toHaveLength(2);
  });

  it('does not repeat a POST that an application may have acted on', async () => {
    const dying = await startHttp1App(scope, (request) => {
      request.once('data', () => request.socket.destroy());
    });
    const app = await startHttp1App(scope, (_request, response) => response.end());
    const proxy = await startProxy(scope, { version: 'http1', ports: [dying.port, app.port] });

    const answer = await send({ port: proxy.port, method: 'POST' }, 'once');

    expect(answer.statusCode).toBe(503);
    expect(await text(answer)).toBe('request not served: TUNNEL_LOST\n');
    expect(proxy.opened).toHaveLength(1);
  });

  it('breaks the answer off for the client when the application breaks it off', async () => {
    const app = await startHttp1App(scope, (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('only this', () => response.destroy());
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await send({ port: proxy.port });

    await expect(text(answer)).rejects.toThrow('aborted');
    expect(await proxy.report(0)).toMatchObject({ responseCode: 200, fault: { code: 'TUNNEL_LOST' } });
  });

  it('aborts the request at the application when the client goes away, and reports code 0', async () => {
    const closed = new Promise<void>((resolve) => {
      void startHttp1App(scope, (request, response) => {
        response.once('close', resolve);
        request.resume();
        client.destroy();
      }).then((app) => started(app.port));
    });
    let started: (port: number) => void = () => undefined;
    const port = new Promise<number>((resolve) => {
      started = resolve;
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [await port] });
    const client = sendRequest({ host: '127.0.0.1', port: proxy.port });
    client.on('error', () => undefined);
    client.end();

    await closed;

    expect(await proxy.report(0)).toMatchObject({ responseCode: 0, fault: { code: 'CLIENT_GONE' } });
  });

  it('tells the client when the application does not speak HTTP/1.1', async () => {
    const app = await startHttp1App(scope, () => undefined);
    app.server.removeAllListeners('connection');
    app.server.on('connection', (socket) => socket.end('220 mail ESMTP\r\n'));
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    const answer = await send({ port: proxy.port });

    expect(answer.statusCode).toBe(503);
    expect(await text(answer)).toBe('request not served: UPSTREAM_PROTOCOL_ERROR\n');
  });
});
