/** HTTP/1.1 that means one thing to one reader and another to the next, or that would end a careless process. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttp1App, startTcpApp } from '../../support/http-apps.js';
import { startProxy } from '../../support/http-proxy.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

/** Sends bytes as they are and reads until the proxy closes. */
function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes, 'latin1');
  return text(socket);
}

/** An application that answers every request with what it saw of it, and how many requests it saw. */
async function serve() {
  const seen: { line: string; raw: readonly string[]; trailers: readonly string[] }[] = [];
  const app = await startHttp1App(scope, async (request, response) => {
    await text(request);
    seen.push({
      line: `${request.method} ${request.url}`,
      raw: request.rawHeaders,
      trailers: request.rawTrailers,
    });
    response.end(request.url);
  });
  return { proxy: await startProxy(scope, { version: 'http1', ports: [app.port] }), seen };
}

function valuesOf(raw: readonly string[], wanted: string): readonly string[] {
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === wanted);
}

const GET = 'GET /first HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const UPGRADE = (protocol: string) =>
  `GET /upgrade HTTP/1.1\r\nHost: a\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n`;

describe('an upgrade that does not wait for the answers before it', () => {
  it.each(['websocket', 'h2c'])(
    'is dropped when it asks for %s: the answer is finished, then the connection',
    async (protocol) => {
      const { proxy, seen } = await serve();

      const received = await exchange(proxy.port, GET + UPGRADE(protocol));

      expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\/first$/);
      expect(seen.map(({ line }) => line)).toEqual(['GET /first']);
      expect(proxy.malformed).toEqual([expect.stringContaining('upgrade')]);
      expect(await exchange(proxy.port, LAST)).toContain('/last');
    },
  );
});

describe('a refused request', () => {
  it.each([
    ['without Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['with two', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['with a strange coding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ])('%s is the last of its connection, whatever follows it at once', async (_what, refused) => {
    const { proxy, seen } = await serve();

    const received = await exchange(proxy.port, refused + UPGRADE('websocket') + GET);

    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(seen).toEqual([]);
    expect(proxy.malformed).toHaveLength(1);
  });
});

describe('one authority', () => {
  it('is all a request may have: two Host lines are refused', async () => {
    const { proxy, seen } = await serve();

    const received = await exchange(proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');

    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
    expect(proxy.malformed).toEqual([expect.stringContaining('Host')]);
  });

  it('is refused twice in a request for an upgrade, too', async () => {
    const { proxy, seen } = await serve();

    const received = await exchange(proxy.port, UPGRADE('websocket').replace('Host: a', 'Host: a\r\nhost: b'));

    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
  });

  it('is that of a target in absolute form, whatever Host says (RFC 9112 section 3.2.2)', async () => {
    const { proxy, seen } = await serve();

    await exchange(proxy.port, LAST.replace('/last', 'http://reviews.shop:80/a?b=c').replace('Host: a', 'Host: evil'));

    expect(seen[0]?.line).toBe('GET /a?b=c');
    expect(valuesOf(seen[0]?.raw ?? [], 'host')).toEqual(['reviews.shop:80']);
    expect(await proxy.report(0)).toMatchObject({ path: '/a?b=c', authority: 'reviews.shop:80' });
  });

  it.each([
    ['GET', 'http://reviews.shop', 'GET /'],
    ['GET', 'HTTPS://reviews.shop?x', 'GET /?x'],
    ['OPTIONS', 'http://reviews.shop', 'OPTIONS *'],
  ])('reads %s %s as %s', async (method, target, line) => {
    const { proxy, seen } = await serve();

    await exchange(proxy.port, LAST.replace('GET /last', `${method} ${target}`));

    expect(seen[0]?.line).toBe(line);
  });

  it.each(['http://user@reviews.shop/', 'http:///x', 'ftp://reviews.shop/'])('refuses %s', async (target) => {
    const { proxy, seen } = await serve();

    const received = await exchange(proxy.port, LAST.replace('/last', target));

    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
  });
});

describe('the framing of a request', () => {
  const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';

  it.each([
    ['a coding besides chunked', 'Transfer-Encoding: gzip, chunked\r\n', '501'],
    ['one on a line of its own', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '501'],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', '400'],
    ['both lengths', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '400'],
    ['both lengths the other way round', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '400'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n', '400'],
    ['a list of lengths', 'Content-Length: 3, 3\r\n', '400'],
    ['a signed length', 'Content-Length: +3\r\n', '400'],
    ['a folded line', 'X-A: 1\r\n Transfer-Encoding: chunked\r\n', '400'],
    ['a folded coding', 'Transfer-Encoding:\r\n chunked\r\n', '400'],
    ['a bare LF', 'X-A: 1\nTransfer-Encoding: chunked\r\n', '400'],
    ['a bare CR', 'X-A: 1\rTransfer-Encoding: chunked\r\n', '400'],
    ['a blank before the colon', 'Transfer-Encoding : chunked\r\n', '400'],
  ])('is refused with %s', async (_what, lines, status) => {
    const { proxy, seen } = await serve();

    const received = await exchange(proxy.port, `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${CHUNKS}`);

    expect(received.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
    expect(received.split('\r\n\r\n')).toHaveLength(2);
    expect(seen).toEqual([]);
    expect(proxy.malformed).toHaveLength(1);
  });

  it('is refused when HTTP/1.0 sends chunks (RFC 9112 section 6.1)', async () => {
    const { proxy, seen } = await serve();

    const received = await exchange(
      proxy.port,
      `POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
    );

    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
  });

  it('says that there is no body where a method might have one and the request had none', async () => {
    const { proxy, seen } = await serve();

    await exchange(proxy.port, LAST.replace('GET', 'PROPFIND'));

    expect(valuesOf(seen[0]?.raw ?? [], 'content-length')).toEqual(['0']);
    expect(valuesOf(seen[0]?.raw ?? [], 'transfer-encoding')).toEqual([]);
  });
});

describe('what a client may not say of itself', () => {
  it('is no identity, in trailers neither', async () => {
    const { proxy, seen } = await serve();

    await exchange(
      proxy.port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '0\r\nX-Forwarded-Client-Cert: By=spiffe://forged\r\nX-Sum: 1\r\n\r\n',
    );

    expect(seen[0]?.trailers).toEqual(['X-Sum', '1']);
  });
});

describe('an expectation nobody here knows', () => {
  it('is for the application to judge, and the connection serves the next request', async () => {
    const { proxy, seen } = await serve();

    const received = await exchange(
      proxy.port,
      `POST /first HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\nabc${LAST}`,
    );

    expect(received).toMatch(/417 Expectation Failed[\s\S]*\/last$/);
    expect(seen.map(({ line }) => line)).toEqual(['GET /last']);
  });
});

describe('an application that answers strangely', () => {
  async function answering(...answers: readonly string[]) {
    const left = [...answers];
    const port = await startTcpApp(scope, (socket) => {
      socket.on('data', () => socket.end(left.shift() ?? '', 'latin1'));
    });
    return startProxy(scope, { version: 'http1', ports: [port] });
  }

  it.each(['gzip, chunked', 'gzip'])(
    'is not believed a body in the coding %s, which nobody would undo',
    async (coding) => {
      const proxy = await answering(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      );

      const received = await exchange(proxy.port, LAST);

      expect(received).toMatch(/^HTTP\/1\.1 503 [\s\S]*UPSTREAM_PROTOCOL_ERROR/);
      expect((await proxy.report(0)).fault).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' });
    },
  );

  it('is not believed a status that none can have', async () => {
    const proxy = await answering('HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n');

    const received = await exchange(proxy.port, LAST);

    expect(received).toMatch(/^HTTP\/1\.1 503 [\s\S]*UPSTREAM_PROTOCOL_ERROR/);
  });

  it('loses a reason phrase that is none, and nothing else', async () => {
    const proxy = await answering('HTTP/1.1 200 \x01\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');

    const received = await exchange(proxy.port, LAST);

    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  });

  it('keeps hop-by-hop lines of its early hints to itself', async () => {
    const proxy = await answering(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=9\r\n\r\n' +
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
    );

    const received = await exchange(proxy.port, LAST);

    expect(received).toContain('Link: </a.css>; rel=preload'.toLowerCase().replace('link', 'Link'));
    expect(received).toContain('HTTP/1.1 200 OK');
    expect(received).not.toMatch(/transfer-encoding|keep-alive/i);
  });

  it('has no more early hints passed on than one head may hold', async () => {
    const hint = `HTTP/1.1 103 Early Hints\r\nLink: </${'a'.repeat(900)}.css>; rel=preload\r\n\r\n`;
    const proxy = await answering(
      `${hint.repeat(500)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`,
    );

    const received = await exchange(proxy.port, LAST);

    expect(received).toMatch(/HTTP\/1\.1 200 OK[\s\S]*ok$/);
    expect(received.match(/103 Early Hints/g)?.length).toBeGreaterThan(30);
    expect(received.length).toBeLessThan(70_000);
  });
});
