/** HTTP/2 that would end a careless process, or that means one thing to one reader and another to the next. */

import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StreamListener, startHttp2App, startTcpApp } from '../../support/http-apps.js';
import { startProxy } from '../../support/http-proxy.js';
import { data, GET, headers, type Lines, reset, sendFrames, settings } from '../../support/raw-http2.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

/** An application that notes what it sees and answers at once. */
async function serve(listener: StreamListener = (stream) => stream.respond({ ':status': 200 }, { endStream: true })) {
  const seen: IncomingHttpHeaders[] = [];
  const { port } = await startHttp2App(scope, (stream, received) => {
    seen.push(received as IncomingHttpHeaders);
    listener(stream, received);
  });
  return { proxy: await startProxy(scope, { version: 'http2', ports: [port] }), seen };
}

/** A session whose frames are sent as they are made. */
function session(port: number) {
  const made = connect(`http://127.0.0.1:${port}`);
  made.on('error', () => undefined);
  scope.own(() => made.destroy());
  return made;
}

const POST: Lines = [[':method', 'POST'], ...GET.slice(1)];

describe('a request that is reset with its head', () => {
  it.each([
    [
      'CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
      ],
    ],
    ['GET', GET],
    ['POST', POST],
  ] as const)('costs a client its %s and nobody anything else', async (_method, lines) => {
    const { proxy } = await serve();

    await sendFrames(proxy.port, [headers(1, lines, 'goes on'), reset(1)]);

    const request = session(proxy.port).request({ ':path': '/next' });
    const [answer] = await once(request, 'response');
    expect(answer[':status']).toBe(200);
  });
});

describe('a request that is reset while its body waits for the application', () => {
  it('has left: what the application says afterwards is for nobody', async () => {
    let started: ((stream: Parameters<StreamListener>[0]) => void) | undefined;
    const application = new Promise<Parameters<StreamListener>[0]>((resolve) => (started = resolve));
    const { proxy } = await serve((stream, received) => {
      if (received[':path'] === '/next') stream.respond({ ':status': 200 }, { endStream: true });
      else started?.(stream);
    });
    const client = session(proxy.port);
    const request = client.request({ ':method': 'POST', ':path': '/' });
    request.on('error', () => undefined);
    request.write(Buffer.alloc(200_000));
    const stream = await application;
    stream.on('error', () => undefined);
    // Nothing of the body is read here, so some of it waits in the proxy.
    request.close(8);
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });

    const report = await proxy.report(0);

    expect(report.fault).toMatchObject({ code: 'CLIENT_GONE' });
    const next = client.request({ ':path': '/next' });
    const [answer] = await once(next, 'response');
    expect(answer[':status']).toBe(200);
  });
});

describe('one authority', () => {
  it('is :authority; a Host beside it goes no further, as by Envoy', async () => {
    const { proxy, seen } = await serve();

    await sendFrames(proxy.port, [headers(1, [...GET, ['host', 'evil']], 'ends')]);

    expect(await proxy.report(0)).toMatchObject({ authority: 'a' });
    expect(seen[0]).toMatchObject({ ':authority': 'a' });
    expect(seen[0]?.host).toBeUndefined();
  });

  it('is Host where there is no :authority', async () => {
    const { proxy, seen } = await serve();

    await sendFrames(proxy.port, [headers(1, [...GET.slice(0, 3), ['host', 'b']], 'ends')]);

    expect(await proxy.report(0)).toMatchObject({ authority: 'b' });
    expect(seen[0]).toMatchObject({ ':authority': 'b' });
  });
});

describe('a request that breaks the rules of HTTP/2', () => {
  it.each<readonly [string, readonly Buffer[]]>([
    ['two Hosts', [headers(1, [...GET.slice(0, 3), ['host', 'b'], ['host', 'c']], 'ends')]],
    ['a transfer coding', [headers(1, [...GET, ['transfer-encoding', 'chunked']], 'ends')]],
    ['te besides trailers', [headers(1, [...GET, ['te', 'gzip']], 'ends')]],
    ['connection lines', [headers(1, [...GET, ['connection', 'x']], 'ends')]],
    ['a method with a blank', [headers(1, [[':method', 'G T'], ...GET.slice(1)], 'ends')]],
    [
      'a path with a blank',
      [
        headers(
          1,
          [
            [':path', '/a b'],
            [':method', 'GET'],
            [':scheme', 'http'],
          ],
          'ends',
        ),
      ],
    ],
    ['a length over its body', [headers(1, [...POST, ['content-length', '3']], 'ends')]],
  ])('reaches no application: %s', async (_what, frames) => {
    const { proxy, seen } = await serve();

    await sendFrames(proxy.port, frames);

    expect(seen).toEqual([]);
  });

  it('is broken off for both when its body is longer than it said', async () => {
    const ended: boolean[] = [];
    const { proxy } = await serve((stream) => void stream.resume().on('end', () => ended.push(!stream.aborted)));

    await sendFrames(proxy.port, [
      headers(1, [...POST, ['content-length', '3']], 'goes on'),
      data(1, Buffer.from('abcdef'), 'ends'),
    ]);

    expect((await proxy.report(0)).fault).toMatchObject({ code: 'CLIENT_GONE' });
    expect(ended).not.toContain(true);
  });
});

describe('an application that answers strangely', () => {
  it('is not believed a status that none can have', async () => {
    const port = await startTcpApp(scope, (socket) => {
      socket.once('data', () => socket.write(Buffer.concat([settings, headers(1, [[':status', '777']], 'ends')])));
    });
    const proxy = await startProxy(scope, { version: 'http2', ports: [port] });

    const [answer] = await once(session(proxy.port).request({ ':path': '/' }), 'response');

    expect(answer[':status']).toBe(503);
    expect((await proxy.report(0)).fault).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' });
  });
});
