/** The Duplex face: what Node streams, and the HTTP built on them, expect. */
import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTunnelDuplex, ErrorCode, type TunnelStream } from '../../../src/hbone/index.js';
import { deferred, until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { createHboneFixture, type HboneFixture } from '../../support/hbone-fixture.js';

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

/** A Duplex at the client, the bare stream at the server. */
async function openPair(): Promise<{ near: Duplex; far: TunnelStream }> {
  const accepted = deferred<TunnelStream>();
  const { address } = await fixture.serve((incoming) => accepted.resolve(incoming.accept()));
  const connection = await fixture.dial(address);
  const tunnel = await connection.connect({ authority: '10.0.0.1:80', headers: [] });
  return { near: tunnel.duplex(), far: await accepted.promise };
}

describe('the Duplex face of a tunnel', () => {
  it('ends each direction by itself', async () => {
    const { near, far } = await openPair();
    const atFar = collect(far);

    near.end('question');
    await until(() => atFar.ended);
    far.write(Buffer.from('answer'));
    far.end();

    expect(await text(near)).toBe('answer');
    expect(atFar.text()).toBe('question');
    await until(() => atFar.end !== undefined);
    expect(atFar.end).toEqual({ kind: 'clean' });
  });

  it('stops the sender while nobody reads, and loses nothing', async () => {
    const { near, far } = await openPair();
    let sent = 0;
    const fill = () => {
      while (sent < 30_000_000) {
        sent += 50_000;
        if (!far.write(Buffer.alloc(50_000))) return;
      }
      far.end();
    };
    far.handlers = { onData() {}, onEnd() {}, onDrain: fill, onClose() {} };
    fill();
    for (let quiet = 0, last = -1; quiet < 300; quiet = sent === last ? quiet + 1 : 0) {
      last = sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const sentWhileUnread = sent;

    let received = 0;
    for await (const chunk of near) received += (chunk as Buffer).length;

    expect(sentWhileUnread).toBeLessThan(30_000_000);
    expect(received).toBe(30_000_000);
    near.destroy();
  });

  it('makes a writer wait while the peer does not read', async () => {
    const { near, far } = await openPair();
    far.handlers = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
    far.pause();
    let offered = 0;
    const source = Readable.from(
      (function* () {
        for (; offered < 500; offered++) yield Buffer.alloc(50_000);
      })(),
    );

    const piped = pipeline(source, near);
    for (let quiet = 0, last = -1; quiet < 300; quiet = offered === last ? quiet + 1 : 0) {
      last = offered;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const offeredWhileUnread = offered;
    far.resume();
    await piped;

    expect(offeredWhileUnread).toBeLessThan(500);
    expect(offered).toBe(500);
    await until(() => far.bytesReceived === 25_000_000);
    near.destroy();
  });

  it('fails with the reason when the peer resets it', async () => {
    const { near, far } = await openPair();
    const failed = once(near, 'error');

    far.reset(ErrorCode.INTERNAL_ERROR);

    expect((await failed)[0]).toMatchObject({
      code: 'TUNNEL_LOST',
      message: expect.stringContaining('INTERNAL_ERROR'),
    });
  });

  it('reads a cancelled tunnel as ended', async () => {
    const { near, far } = await openPair();
    far.write(Buffer.from('all there is'));
    far.close();

    expect(await text(near)).toBe('all there is');
    await until(() => near.closed);
  });

  it.each([
    ['cancels the stream', undefined, { kind: 'clean' }],
    [
      'with an error resets the stream',
      new Error('a mistake'),
      { kind: 'reset', by: 'peer', errorCode: ErrorCode.INTERNAL_ERROR },
    ],
  ])('destroyed %s', async (_, error, expected) => {
    const { near, far } = await openPair();
    const atFar = collect(far);

    near.on('error', () => {}).destroy(error);
    await until(() => atFar.end !== undefined);

    expect(atFar.end).toEqual(expected);
  });

  it('carries HTTP between node:http at both ends, keep-alive included', async () => {
    const http = createHttpServer((request, response) =>
      request.pipe(response.writeHead(200, { 'x-path': request.url })),
    );
    const { address } = await fixture.serve((incoming) => {
      http.emit('connection', createTunnelDuplex(incoming.accept()));
    });
    const connection = await fixture.dial(address);
    const tunnel = await connection.connect({ authority: '10.0.0.1:80', headers: [] });
    const socket = tunnel.duplex();

    const bodies: string[] = [];
    for (const path of ['/one', '/two']) {
      const request = httpRequest({
        createConnection: () => socket,
        path,
        method: 'POST',
        headers: { connection: 'keep-alive' },
      });
      request.end(`body of ${path}`);
      const [response] = await once(request, 'response');
      bodies.push(`${response.headers['x-path']}: ${await text(response)}`);
    }

    expect(bodies).toEqual(['/one: body of /one', '/two: body of /two']);
    socket.destroy();
  });
});
