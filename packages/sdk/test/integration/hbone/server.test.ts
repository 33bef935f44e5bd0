/** What a clumsy peer does costs its own connection only; a neighbour with an open tunnel is the witness. Attacks: `../abuse`. */

import { SettingId } from '@isthmus/codec-wasm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  connectNested,
  createTunnelDuplex,
  ErrorCode,
  type IncomingConnect,
  type TunnelStream,
} from '../../../src/hbone/index.js';
import { createVirtualClock } from '../../../src/testing.js';
import { Fault } from '../../../src/wire/faults.js';
import { exchange } from '../../support/bulk.js';
import { leaseAllSlots } from '../../support/codec-slots.js';
import { deferred, until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import {
  createHboneFixture,
  echo,
  type HboneFixture,
  REVIEWS,
  type RunningServer,
  WEB,
} from '../../support/hbone-fixture.js';
import { raw } from '../../support/raw-frames.js';
import { connectRaw } from '../../support/raw-tls-client.js';

let fixture: HboneFixture;
beforeEach(async () => {
  fixture = await createHboneFixture();
});
afterEach(() => fixture.close());

const CONNECT = { authority: '10.0.0.1:80', headers: [] };

/** A tunnel of somebody else; `speaks` proves that it works. */
async function openNeighbour(running: RunningServer) {
  const connection = await fixture.dial(running.address);
  const tunnel = await connection.connect(CONNECT);
  const sink = collect(tunnel.stream);
  return {
    async speaks(text: string): Promise<boolean> {
      const before = sink.text().length;
      tunnel.stream.write(Buffer.from(text));
      await until(() => sink.text().length >= before + text.length || sink.end !== undefined);
      return sink.text().endsWith(text);
    },
  };
}

describe('a peer', () => {
  it('that sends half a frame and leaves loses its streams, and nobody else does', async () => {
    const ends: unknown[] = [];
    const running = await fixture.serve((incoming) => {
      if (incoming.authority !== 'half:1') return echo(incoming);
      const stream = incoming.accept();
      stream.handlers = { onData() {}, onEnd() {}, onDrain() {}, onClose: (end) => ends.push(end) };
    });
    const neighbour = await openNeighbour(running);
    const leaver = await connectRaw(running.address, await fixture.authority.issuePem(WEB));
    leaver.send(raw.connect(1, 'half:1'));
    await leaver.frame(({ type }) => type === 'HEADERS');

    leaver.send(raw.data(1, 'announced but never sent').subarray(0, 12));
    leaver.socket.end();
    await leaver.closed;
    await until(() => ends.length > 0);

    expect(ends).toMatchObject([{ kind: 'lost', error: { code: 'TUNNEL_LOST' } }]);
    expect(await neighbour.speaks('fine')).toBe(true);
  });

  it('that never reads is held to a bounded queue', async () => {
    let written = 0;
    const running = await fixture.serve((incoming) => {
      const stream = incoming.accept();
      stream.handlers = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };
      while (stream.write(Buffer.alloc(16_384))) written += 16_384;
    });
    const mute = await connectRaw(running.address, await fixture.authority.issuePem(WEB));

    mute.send(raw.connect(1));
    await mute.frame(({ type }) => type === 'HEADERS');

    expect(written).toBeLessThanOrEqual(262_144);
    mute.socket.destroy();
  });
});

describe('a peer that stops reading in the middle', () => {
  it('is given up when it answers no PING, though its socket never drains', async () => {
    const clock = createVirtualClock();
    const { address, server } = await fixture.serve(
      (incoming) => {
        const stream = incoming.accept();
        stream.handlers = { onData() {}, onEnd() {}, onDrain: () => fill(stream), onClose() {} };
        fill(stream);
      },
      { clock },
    );
    const mute = await connectRaw(address, await fixture.authority.issuePem(WEB));
    mute.send(raw.windowUpdate(0, 2 ** 30), raw.settings([SettingId.INITIAL_WINDOW_SIZE, 2 ** 30]), raw.connect(1));
    await mute.frame(({ type }) => type === 'DATA');
    mute.socket.pause();

    for (const ms of [10_000, 20_000, 1_000]) {
      clock.advance(ms);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }

    await until(() => server.connections === 0);
    mute.socket.destroy();
  });
});

function fill(stream: TunnelStream): void {
  while (stream.write(Buffer.alloc(65_536)));
}

describe('requests', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('a mistake');
      },
      503,
    ],
    ['rejects', () => Promise.reject(new Error('a mistake')), 503],
    ['rejects with a fault', () => Promise.reject(new Fault('AUTHORITY_NOT_LOCAL', 'not ours')), 400],
  ])('are answered for an onConnect that %s', async (_, onConnect, status) => {
    const { address } = await fixture.serve(onConnect);
    const connection = await fixture.dial(address);

    const answer = connection.connect(CONNECT);

    await expect(answer).rejects.toMatchObject({
      code: 'TUNNEL_REFUSED',
      message: expect.stringContaining(String(status)),
    });
  });

  it.each([
    ['no authority', [[':method', 'CONNECT']], 'BAD_AUTHORITY'],
    [
      'an authority without a port',
      [
        [':method', 'CONNECT'],
        [':authority', 'reviews'],
      ],
      'BAD_AUTHORITY',
    ],
    [
      'another method',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/'],
        [':authority', 'a:1'],
      ],
      'METHOD_NOT_CONNECT',
    ],
  ] as const)('with %s are answered 400 before anybody is asked', async (_, fields, code) => {
    let asked = 0;
    const { address, earlyErrors } = await fixture.serve(() => {
      asked += 1;
    });
    const client = await connectRaw(address, await fixture.authority.issuePem(WEB));

    client.send(raw.headers(1, fields));
    const answer = await client.frame(({ type }) => type === 'HEADERS');

    // Row 12 of the HPACK static table: `:status: 400`.
    expect(answer.payload.toString('latin1')).toBe('\x8c');
    expect(earlyErrors).toMatchObject([{ fault: { code }, peerIdentity: WEB }]);
    expect(asked).toBe(0);
    client.socket.destroy();
  });

  it("denied with 401 are a policy's no", async () => {
    const { address } = await fixture.serve((incoming) => incoming.refuse(401));
    const connection = await fixture.dial(address);

    await expect(connection.connect(CONNECT)).rejects.toMatchObject({ code: 'POLICY_DENY' });
  });

  it('reset by an onConnect that fails after it accepted', async () => {
    const { address } = await fixture.serve(async (incoming) => {
      incoming.accept();
      throw new Error('a mistake');
    });
    const connection = await fixture.dial(address);

    const { stream } = await connection.connect(CONNECT);
    const sink = collect(stream);
    await until(() => sink.end !== undefined);

    expect(sink.end).toEqual({ kind: 'reset', by: 'peer', errorCode: ErrorCode.INTERNAL_ERROR });
  });

  it('tell by their signal that the client gave up', async () => {
    const arrived = deferred();
    const gaveUp = deferred();
    const { address } = await fixture.serve((incoming) => {
      incoming.signal.addEventListener('abort', () => gaveUp.resolve());
      arrived.resolve();
    });
    const connection = await fixture.dial(address);
    const controller = new AbortController();

    const answer = connection.connect({ ...CONNECT, signal: controller.signal });
    // Reset in the same breath, nobody would be asked at all.
    await arrived.promise;
    controller.abort(new Error('the user left'));

    await expect(answer).rejects.toThrow('the user left');
    await gaveUp.promise;
    expect(connection.activeStreams).toBe(0);
  });

  it('tell by their signal that the client gave up, also who looks at it later', async () => {
    const arrived = deferred<IncomingConnect>();
    const { address, server } = await fixture.serve((incoming) => arrived.resolve(incoming));
    const connection = await fixture.dial(address);
    const controller = new AbortController();
    const answer = connection.connect({ ...CONNECT, signal: controller.signal });
    const incoming = await arrived.promise;

    controller.abort(new Error('the user left'));
    await expect(answer).rejects.toThrow('the user left');
    await until(() => server.activeStreams === 0);

    expect(incoming.signal.aborted).toBe(true);
  });

  it('reset together with their arrival are never heard of', async () => {
    const asked: (string | undefined)[] = [];
    const { address } = await fixture.serve((incoming) => {
      asked.push(incoming.authority);
      incoming.refuse(503);
    });
    const peer = await connectRaw(address, await fixture.authority.issuePem(WEB));

    peer.send(raw.connect(1, 'gone:1'), raw.rstStream(1, 8), raw.connect(3, 'here:1'));
    await peer.frame(({ type, streamId }) => type === 'HEADERS' && streamId === 3);

    expect(asked).toEqual(['here:1']);
    peer.socket.destroy();
  });

  it('nobody answers are given up after their deadline, the connection lives on', async () => {
    const { address } = await fixture.serve((incoming) => {
      if (incoming.authority === CONNECT.authority) return;
      incoming.accept();
    });
    const connection = await fixture.dial(address);

    await expect(connection.connect({ ...CONNECT, timeoutMs: 20 })).rejects.toMatchObject({
      code: 'CONNECT_TIMEOUT',
      message: expect.stringContaining('20 ms'),
    });
    await expect(connection.connect({ authority: 'other:1', headers: [] })).resolves.toBeDefined();
  });

  it('hand over the baggage of the peer as members', async () => {
    const seen = deferred<string | undefined>();
    const { address } = await fixture.serve((incoming: IncomingConnect) => {
      // Row 0 of the table of keys is the cluster.
      seen.resolve(incoming.headers.baggage().get(0));
      incoming.refuse(404);
    });
    const connection = await fixture.dial(address);

    await connection.connect({ ...CONNECT, headers: [['baggage', 'k8s.cluster.name=east%20one']] }).catch(() => {});

    expect(await seen.promise).toBe('east one');
  });
});

describe('a server', () => {
  it('accepts no more than maxConnections, and accepts again when one is gone', async () => {
    const running = await fixture.serve(echo, { maxConnections: 1 });
    const first = await fixture.dial(running.address);
    await first.connect(CONNECT);

    await expect(fixture.dial(running.address)).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    await first.close();
    await until(() => running.server.connections === 0);

    await expect(fixture.dial(running.address)).resolves.toBeDefined();
    expect(running.earlyErrors).toMatchObject([
      { fault: { code: 'DOWNSTREAM_OVERFLOW', message: expect.stringContaining('1 connections are open') } },
    ]);
  });

  it('refuses who would need one slot more than the codecs of the process have, as a bound of its own', async () => {
    const running = await fixture.serve(echo);
    const early = running.nextEarlyError();
    const { leased } = leaseAllSlots();

    const peer = await connectRaw(running.address, await fixture.authority.issuePem(WEB));
    const { fault } = await early;
    peer.socket.destroy();
    for (const decoder of leased) decoder.close();

    expect(fault).toMatchObject({ code: 'DOWNSTREAM_OVERFLOW', message: expect.stringContaining('8192') });
    await expect(fixture.dial(running.address)).resolves.toBeDefined();
  });

  it('draining refuses new connections, finishes its tunnels, and resolves when the last has ended', async () => {
    const { server, address } = await fixture.serve(echo);
    const connection = await fixture.dial(address);
    const tunnel = await connection.connect(CONNECT);
    const sink = collect(tunnel.stream);
    let drained = false;

    const drain = server.drain().then(() => {
      drained = true;
    });
    await until(() => connection.draining);
    await expect(fixture.dial(address)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(connection.connect(CONNECT)).rejects.toMatchObject({ code: 'TUNNEL_LOST' });
    const before = drained;
    tunnel.stream.write(Buffer.from('last words'));
    tunnel.stream.end();
    await drain;

    expect(before).toBe(false);
    expect(sink.text()).toBe('last words');
    expect(await connection.closed).toEqual({ kind: 'graceful' });
  });

  it('closed loses its tunnels at once, and they know why', async () => {
    const { server, address } = await fixture.serve(echo);
    const connection = await fixture.dial(address);
    const { stream } = await connection.connect(CONNECT);
    const sink = collect(stream);

    await server.close();
    await until(() => sink.end !== undefined);

    expect(sink.end).toMatchObject({ kind: 'lost', error: { message: expect.stringContaining('GOAWAY NO_ERROR') } });
  });

  it('serves what came in by another way: a tunnel that ends at a tunnel of its own', async () => {
    const { server: backend } = await fixture.serve(echo);
    const gateway = await fixture.serve((incoming) => {
      void backend.serve(createTunnelDuplex(incoming.accept()), incoming.connection);
    });
    const tunnel = await connectNested(fixture.pool(), {
      outerHop: fixture.hop(gateway.address),
      innerExpected: [REVIEWS],
      certificate: fixture.web,
      authority: 'reviews:80',
      outerHeaders: [],
      innerHeaders: [],
    });

    const result = await exchange(tunnel.stream, 5, 2_000_000);

    expect(result).toMatchObject({ receivedBytes: 2_000_000, receivedHash: result.sentHash, end: { kind: 'clean' } });
    await until(() => backend.connections === 0);
  });

  it('closed while it begins to listen gives the port back, and listens no more after that', async () => {
    const { server } = await fixture.serve(echo);

    const listening = server.listen({ host: '127.0.0.1', port: 0 });
    await Promise.all([expect(listening).rejects.toThrow('the server is closed'), server.close()]);

    await expect(server.listen({ host: '127.0.0.1', port: 0 })).rejects.toThrow('the server is closed');
    await until(() => !process.getActiveResourcesInfo().includes('TCPServerWrap'));
  });

  it('says at once that it cannot listen', async () => {
    const { address, server } = await fixture.serve(echo);

    await expect(server.listen(address)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
