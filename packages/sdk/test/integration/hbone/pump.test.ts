/** Life cycle of streams and sockets joined by the pump (hbone facts 1.11, RFC 9113 section 8.5). Real sockets throughout. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  channelOf,
  ErrorCode,
  type HboneServer,
  type HboneSettings,
  type PumpEnd,
  pump,
  type StreamEnd,
  type TunnelStream,
} from '../../../src/hbone/index.js';
import { deferred, until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { createHboneFixture, type HboneFixture } from '../../support/hbone-fixture.js';

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

/** An application server; hands over its side of each connection. */
async function startApp(): Promise<{ address: { host: string; port: number }; accepted: Promise<Socket> }> {
  const accepted = deferred<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    accepted.resolve(socket);
    fixture.scope.own(() => void socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  fixture.scope.own(() => void server.close());
  return { address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, accepted: accepted.promise };
}

interface Path {
  /** The client's end of the tunnel. */
  readonly stream: TunnelStream;
  /** The application's socket at the far end. */
  readonly app: Socket;
  readonly ended: Promise<PumpEnd>;
  readonly observed: { received: number; sent: number };
  /** Where the tunnel ends. */
  readonly server: HboneServer;
}

/** tunnel -> server -> pump -> TCP -> application. */
async function openPath(settings: Partial<HboneSettings> = {}): Promise<Path> {
  const app = await startApp();
  const ended = deferred<PumpEnd>();
  const observed = { received: 0, sent: 0 };
  const { address, server } = await fixture.serve(
    (incoming) => {
      const upstream = connect(app.address);
      upstream.once('connect', () => {
        const observer = {
          received: (bytes: number) => {
            observed.received += bytes;
          },
          sent: (bytes: number) => {
            observed.sent += bytes;
          },
        };
        void pump(incoming.accept(), upstream, observer).then(ended.resolve);
      });
    },
    { settings },
  );
  const connection = await fixture.dial(address);
  const { stream } = await connection.connect({ authority: '10.0.0.1:80', headers: [] });
  return { stream, app: await app.accepted, ended: ended.promise, observed, server };
}

describe('between a tunnel and a TCP socket', () => {
  it('END_STREAM becomes FIN, and the other direction runs on until its own end', async () => {
    const { stream, app, ended, observed } = await openPath();
    const sink = collect(stream);

    stream.write(Buffer.from('request'));
    stream.end();
    const [request] = await once(app, 'data');
    await once(app, 'end');
    app.write('answer, ');
    await until(() => sink.text() === 'answer, ');
    app.end('later');

    expect(await ended).toEqual({ kind: 'clean' });
    await until(() => sink.end !== undefined);
    expect(String(request)).toBe('request');
    expect(sink.text()).toBe('answer, later');
    expect(sink.ended).toBe(true);
    expect(observed).toEqual({ received: 7, sent: 13 });
  });

  it('FIN becomes END_STREAM, and what the client still sends arrives', async () => {
    const { stream, app, ended } = await openPath();
    const sink = collect(stream);

    app.end('bye');
    await until(() => sink.ended);
    stream.write(Buffer.from('thanks'));
    stream.end();
    const [thanks] = await once(app, 'data');

    expect(String(thanks)).toBe('thanks');
    expect(await ended).toEqual({ kind: 'clean' });
  });

  it.each([ErrorCode.CONNECT_ERROR, ErrorCode.INTERNAL_ERROR, ErrorCode.REFUSED_STREAM])(
    'RST_STREAM %i becomes a TCP RST',
    async (errorCode) => {
      const { stream, app, ended } = await openPath();
      const failed = once(app, 'error');

      stream.reset(errorCode);
      const [error] = await failed;

      expect(error).toMatchObject({ code: 'ECONNRESET' });
      expect(await ended).toEqual({ kind: 'reset', by: 'peer', errorCode, side: 'downstream' });
    },
  );

  it.each([ErrorCode.NO_ERROR, ErrorCode.CANCEL])('RST_STREAM %i becomes an orderly FIN', async (errorCode) => {
    const { stream, app, ended } = await openPath();
    app.resume();

    stream.reset(errorCode);
    await once(app, 'end');
    app.end();

    expect(await ended).toEqual({ kind: 'clean' });
  });

  it('RST_STREAM CANCEL becomes a FIN also for an application that has said all it had to say', async () => {
    const { stream, app, ended } = await openPath();
    const sink = collect(stream);
    app.end('bye');
    await until(() => sink.ended);

    stream.reset(ErrorCode.CANCEL);
    app.resume();
    await once(app, 'end');

    expect(await ended).toEqual({ kind: 'clean' });
  });

  it('a TCP RST becomes RST_STREAM CONNECT_ERROR', async () => {
    const { stream, app, ended } = await openPath();
    const sink = collect(stream);

    app.resetAndDestroy();
    await until(() => sink.end !== undefined);

    expect(sink.end).toEqual({ kind: 'reset', by: 'peer', errorCode: ErrorCode.CONNECT_ERROR });
    expect(await ended).toMatchObject({ kind: 'lost', side: 'upstream', error: { code: 'ECONNRESET' } });
  });

  it('a lost connection becomes a TCP RST, so that nobody takes what came for the whole', async () => {
    const app = await startApp();
    const { address, server } = await fixture.serve((incoming) => {
      const upstream = connect(app.address);
      upstream.once('connect', () => void pump(incoming.accept(), upstream));
    });
    const connection = await fixture.dial(address);
    await connection.connect({ authority: '10.0.0.1:80', headers: [] });
    const failed = once(await app.accepted, 'error');

    await server.close();

    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('a reader that stops stops the sender at the other end, and nothing is lost when it goes on', async () => {
    const { stream, app } = await openPath();
    app.pause();
    const total = 40_000_000;
    const chunk = Buffer.alloc(50_000, 'isthmus');
    let written = 0;
    let stalled = false;
    const send = () => {
      while (written < total) {
        written += chunk.length;
        if (!stream.write(chunk)) return;
      }
      stream.end();
    };
    stream.handlers = { onData() {}, onEnd() {}, onDrain: send, onClose() {} };
    send();

    // Still when nothing moves over many turns: windows, queues and the kernel's buffers are full.
    for (let quiet = 0, last = -1; quiet < 300; quiet = written === last ? quiet + 1 : 0) {
      last = written;
      await new Promise((resolve) => setImmediate(resolve));
    }
    stalled = written < total;
    let received = 0;
    app.on('data', (bytes) => {
      received += bytes.length;
    });
    app.resume();
    await once(app, 'end');

    expect(stalled).toBe(true);
    expect(received).toBe(total);
  });

  it('an application that leaves without reading all of a tunnel that has ended lets go of the tunnel', async () => {
    // More than the kernel and the socket hold, no more than the window of the stream.
    const bytes = 16_000_000;
    const { stream, app, ended, server } = await openPath({ streamWindowBytes: bytes });
    app.pause();
    stream.write(Buffer.alloc(bytes));
    stream.end();
    app.end();
    await until(() => server.activeStreams === 0);

    app.resetAndDestroy();

    expect(await ended).toMatchObject({ kind: 'lost', side: 'upstream' });
  });

  it('a socket that was gone before it began resets the tunnel', async () => {
    const { address } = await fixture.serve((incoming) => {
      const gone = connect({ host: '127.0.0.1', port: 1 });
      gone.on('error', () => {});
      gone.destroy();
      void pump(incoming.accept(), gone);
    });
    const connection = await fixture.dial(address);
    const { stream } = await connection.connect({ authority: '10.0.0.1:80', headers: [] });
    const sink = collect(stream);

    await until(() => sink.end !== undefined);

    expect(sink.end).toEqual({ kind: 'reset', by: 'peer', errorCode: ErrorCode.CONNECT_ERROR });
  });
});

describe('between two tunnels', () => {
  async function openChain() {
    const atEnd = deferred<TunnelStream>();
    const far = await fixture.serve((incoming) => atEnd.resolve(incoming.accept()));
    const onward = await fixture.dial(far.address);
    const middle = await fixture.serve(async (incoming) => {
      const upstream = await onward.connect({ authority: '10.0.0.2:80', headers: [] });
      void pump(incoming.accept(), upstream.stream);
    });
    const connection = await fixture.dial(middle.address);
    const { stream } = await connection.connect({ authority: '10.0.0.1:80', headers: [] });
    return { near: stream, far: await atEnd.promise };
  }

  it('bytes and ends pass both ways', async () => {
    const { near, far } = await openChain();
    const atNear = collect(near);
    const atFar = collect(far);

    near.write(Buffer.from('there'));
    near.end();
    far.write(Buffer.from('back'));
    far.end();
    await until(() => atNear.end !== undefined && atFar.end !== undefined);

    expect([atFar.text(), atNear.text()]).toEqual(['there', 'back']);
    expect([atNear.end, atFar.end]).toEqual([{ kind: 'clean' }, { kind: 'clean' }]);
  });

  it('the code of a reset passes unchanged', async () => {
    const { near, far } = await openChain();
    const atNear = collect(near);

    far.reset(ErrorCode.INTERNAL_ERROR);
    await until(() => atNear.end !== undefined);

    expect(atNear.end).toEqual({ kind: 'reset', by: 'peer', errorCode: ErrorCode.INTERNAL_ERROR });
  });
});

describe('a channel', () => {
  it('that is reset while its FIN is under way still closes its socket', async () => {
    const app = await startApp();
    const socket = connect(app.address);
    await once(socket, 'connect');
    const end = deferred<StreamEnd>();
    const channel = channelOf(socket);
    channel.handlers = { onData() {}, onEnd() {}, onDrain() {}, onClose: end.resolve };

    channel.end();
    channel.reset(ErrorCode.CONNECT_ERROR);

    expect(await end.promise).toEqual({ kind: 'reset', by: 'local', errorCode: ErrorCode.CONNECT_ERROR });
  });
});

describe('with a Duplex', () => {
  it('copies until both directions have ended', async () => {
    const loop = new PassThrough();
    const app = await startApp();
    const client = connect(app.address);
    await once(client, 'connect');

    const ended = pump(client, loop);
    const far = await app.accepted;
    far.end('once around');
    const [back] = await once(far, 'data');

    expect(String(back)).toBe('once around');
    expect(await ended).toEqual({ kind: 'clean' });
  });

  it('that fails resets the other side', async () => {
    const broken = new PassThrough();
    const app = await startApp();
    const client = connect(app.address);
    await once(client, 'connect');
    const far = await app.accepted;
    const failed = once(far, 'error');

    const ended = pump(client, broken);
    broken.destroy(new Error('broken'));

    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
    expect(await ended).toMatchObject({ kind: 'lost', side: 'upstream', error: { message: 'broken' } });
  });
});
