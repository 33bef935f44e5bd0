/**
 * Clients, applications and bytes that misbehave at any moment: each costs its own request or connection. A throw from an
 * event would end the process, so surviving is the assertion, with one report per request and a proxy that still serves.
 */
import { request as sendRequest } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttp1App, startHttp2App, startTcpApp } from '../../support/http-apps.js';
import { type L7Proxy, startProxy } from '../../support/http-proxy.js';
import { generator } from '../../support/seeded.js';
import { turns, watchUncaught } from '../../support/survival.js';

const uncaught = watchUncaught();
let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

async function serves(proxy: L7Proxy): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    sendRequest({ host: '127.0.0.1', port: proxy.port, path: '/well' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
}

describe('HTTP/1.1', () => {
  it('survives clients that leave and applications that break off at any moment', async () => {
    const random = generator(1);
    const app = await startHttp1App(scope, async (request, response) => {
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      if (request.url === '/well') return void response.end('well');
      await turns(Math.floor(random() * 4));
      const choice = random();
      if (choice < 0.2) request.socket.destroy();
      else if (choice < 0.4) response.writeHead(200, { 'content-length': '50' }).write('short');
      else if (choice < 0.5) response.writeHead(200).write('chunk', () => request.socket.destroy());
      else response.end('x'.repeat(Math.floor(random() * 100_000)));
      if (choice > 0.3 && choice < 0.4) await turns(2).then(() => request.socket.destroy());
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    let sent = 0;
    for (let round = 0; round < 30; round++) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          sent++;
          const method = random() < 0.5 ? 'GET' : 'POST';
          const request = sendRequest({ host: '127.0.0.1', port: proxy.port, method, path: '/ill' });
          request.on('error', () => undefined);
          request.on('response', (response) => response.on('error', () => undefined).resume());
          if (method === 'POST') request.write('y'.repeat(Math.floor(random() * 100_000)));
          if (random() < 0.6) request.end();
          await turns(Math.floor(random() * 20));
          request.destroy();
        }),
      );
    }

    expect(await serves(proxy)).toBe(200);
    expect(uncaught).toEqual([]);
    expect(proxy.reports.length).toBeLessThanOrEqual(sent + 1);
  });

  it('survives requests and answers that are not HTTP, mutated byte by byte', async () => {
    const random = generator(2);
    const mutate = (message: string) => {
      const bytes = Buffer.from(message, 'latin1');
      for (let count = 0; count < 1 + random() * 4; count++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      return bytes;
    };
    const port = await startTcpApp(scope, (socket) => {
      socket.once('data', (data) => {
        const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\nTrailer: z\r\n\r\nhello';
        const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nz: 1\r\n\r\n';
        if (data.includes('/well')) socket.end(whole);
        else socket.end(mutate(random() < 0.5 ? whole : chunked));
      });
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [port] });

    for (let round = 0; round < 40; round++) {
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const socket: Socket = connect(proxy.port, '127.0.0.1');
          socket.on('error', () => undefined);
          const request =
            'POST /ill HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\nabc\r\n0\r\nt: 1\r\n\r\n';
          const upgrade = 'GET /ill HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nrest';
          const choice = random();
          socket.end(choice < 0.4 ? mutate(request) : choice < 0.6 ? mutate(upgrade) : request);
          await text(socket).catch(() => '');
        }),
      );
    }

    expect(await serves(proxy)).toBe(200);
    expect(uncaught).toEqual([]);
  });
});

describe('HTTP/2', () => {
  it('survives streams, sessions and transports that end at any moment', async () => {
    const random = generator(3);
    const app = await startHttp2App(scope, async (stream, headers) => {
      if (headers[':path'] === '/well') {
        stream.respond({ ':status': 200 });
        return void stream.end('well');
      }
      await turns(Math.floor(random() * 4));
      if (stream.destroyed) return;
      const choice = random();
      if (choice < 0.1) return void stream.session?.destroy();
      if (choice < 0.2) return stream.close(Math.floor(random() * 14));
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        choice < 0.3 ? stream.close(constants.NGHTTP2_INTERNAL_ERROR) : stream.sendTrailers({ t: '1' }),
      );
      stream.write('x'.repeat(Math.floor(random() * 50_000)));
      if (choice < 0.4) stream.close(Math.floor(random() * 14));
      else if (choice < 0.5) stream.session?.close();
      else stream.end();
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port] });

    for (let round = 0; round < 25; round++) {
      const transport = connect(proxy.port, '127.0.0.1');
      transport.on('error', () => undefined);
      const client = connectHttp2('http://client.invalid', { createConnection: () => transport });
      client.on('error', () => undefined);
      await Promise.all(
        Array.from({ length: 12 }, async () => {
          const bodyless = random() < 0.5;
          if (client.destroyed || client.closed) return;
          const stream = client.request({ ':path': '/ill', ':method': bodyless ? 'GET' : 'POST' });
          stream.on('error', () => undefined).resume();
          if (!bodyless) stream.write('y'.repeat(Math.floor(random() * 50_000)));
          await turns(Math.floor(random() * 15));
          const choice = random();
          if (choice < 0.3) stream.close(Math.floor(random() * 14));
          else if (choice < 0.35) client.destroy();
          else if (choice < 0.4) transport.destroy();
          else if (!bodyless) stream.end();
        }),
      );
      await turns(10);
      client.destroy();
    }
    const last = connectHttp2(`http://127.0.0.1:${proxy.port}`);
    scope.own(() => last.destroy());

    expect(await text(last.request({ ':path': '/well' }))).toBe('well');
    expect(uncaught).toEqual([]);
  });

  it('survives frames of any bytes after a good preface', async () => {
    const random = generator(4);
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('well');
    });
    // A violation that nghttp2 answers by itself leaves the connection to its deadlines.
    const limits = { headMs: 100, pongMs: 100, lingerMs: 10 };
    const proxy = await startProxy(scope, { version: 'http2', ports: [app.port], limits });
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

    for (let round = 0; round < 8; round++) {
      await Promise.all(
        Array.from({ length: 25 }, async () => {
          const socket = connect(proxy.port, '127.0.0.1');
          socket.on('error', () => undefined).resume();
          const length = Math.floor(random() * 64);
          const [type, flags, stream] = [random() * 12, random() * 64, random() * 8].map(Math.floor) as [
            number,
            number,
            number,
          ];
          const header = Buffer.from([0, 0, length, type, flags, 0, 0, 0, stream]);
          const payload = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
          socket.end(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, header, payload]));
          await new Promise((resolve) => socket.once('close', resolve));
        }),
      );
    }
    const last = connectHttp2(`http://127.0.0.1:${proxy.port}`);
    scope.own(() => last.destroy());

    expect(await text(last.request({ ':path': '/well' }))).toBe('well');
    expect(uncaught).toEqual([]);
  });
});
