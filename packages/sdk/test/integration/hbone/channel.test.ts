/** The light face of a TCP socket: what it hands on is the receiver's to keep, and it stops when told to. Real sockets. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Channel, channelOf, type StreamEnd } from '../../../src/hbone/index.js';
import { createScope, type Scope } from '../../../src/runtime/index.js';
import { until } from '../../support/deferred.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

interface Pair {
  /** The end under test. */
  readonly near: Socket;
  readonly far: Socket;
}

async function connected(options: { readonly pauseOnConnect?: boolean } = {}): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, ...options });
  scope.own(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const [near] = (await once(server, 'connection')) as [Socket];
  for (const socket of [near, far]) scope.own(() => void socket.destroy());
  return { near, far };
}

/** Keeps every chunk, as a tunnel that is slow would. */
function keep(channel: Channel): { readonly chunks: Uint8Array[]; ended: boolean } {
  const kept = { chunks: [] as Uint8Array[], ended: false };
  channel.handlers = {
    onData: (chunk) => void kept.chunks.push(chunk),
    onEnd: () => {
      kept.ended = true;
    },
    onDrain() {},
    onClose() {},
  };
  return kept;
}

const bytesOf = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks).toString('latin1');

describe('the channel of a socket', () => {
  it('keeps chunks of several sockets apart, however they alternate', async () => {
    const pairs = await Promise.all([connected(), connected({ pauseOnConnect: true })]);
    const kept = pairs.map(({ near }) => keep(channelOf(near)));

    for (let turn = 0; turn < 20; turn++) {
      for (const [index, { far }] of pairs.entries()) far.write(`${index}:${turn},`);
      await until(() => kept.every(({ chunks }) => bytesOf(chunks).endsWith(`:${turn},`)));
    }

    const said = (index: number) => Array.from({ length: 20 }, (_, turn) => `${index}:${turn},`).join('');
    expect(kept.map(({ chunks }) => bytesOf(chunks))).toEqual([said(0), said(1)]);
  });

  it('hands on bulk and single bytes in order, and then the end', async () => {
    const { near, far } = await connected();
    const kept = keep(channelOf(near));
    const sent = Array.from({ length: 12 }, (_, index) => Buffer.alloc(index % 2 ? 700_000 : 1, 65 + index));

    for (const chunk of sent) {
      far.write(chunk);
      await new Promise(setImmediate);
    }
    far.end();
    await until(() => kept.ended);

    expect(Buffer.concat(kept.chunks).equals(Buffer.concat(sent))).toBe(true);
  });

  it('pins no large buffer with a small chunk', async () => {
    const { near, far } = await connected();
    const kept = keep(channelOf(near));

    far.write('few bytes');
    await until(() => kept.chunks.length > 0);

    expect(kept.chunks[0]?.buffer.byteLength).toBeLessThanOrEqual(16_384);
  });

  it('starts with what was read before it', async () => {
    const { near, far } = await connected();
    far.write('early, ');
    await once(near, 'readable');

    const kept = keep(channelOf(near));
    far.end('late');
    await until(() => kept.ended);

    expect(bytesOf(kept.chunks)).toBe('early, late');
  });

  it('reads nothing while paused', async () => {
    const { near, far } = await connected();
    const channel = channelOf(near);
    const kept = keep(channel);
    channel.pause();
    far.end('waits');
    await once(far, 'finish');
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    const whilePaused = kept.chunks.length;

    channel.resume();
    await until(() => kept.ended);

    expect([whilePaused, bytesOf(kept.chunks)]).toEqual([0, 'waits']);
  });

  it('asks for a pause when its peer reads nothing, and says when it can go on', async () => {
    const { near, far } = await connected();
    const channel = channelOf(near);
    let drained = 0;
    channel.handlers = { onData() {}, onEnd() {}, onDrain: () => void drained++, onClose() {} };
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    // Loopback buffers a few megabytes; more than this would mean that nobody ever says stop.
    while (written < 64_000_000 && channel.write(chunk)) {
      written += chunk.length;
      await new Promise(setImmediate);
    }

    far.resume();
    await until(() => drained === 1);

    expect(written).toBeLessThan(64_000_000);
    expect(near.writableLength).toBe(0);
  });

  it('delivers all that is queued, and then the end, to a peer that has ended', async () => {
    const { near, far } = await connected();
    const channel = channelOf(near);
    const kept = keep(channel);
    far.end('question');
    await until(() => kept.ended);
    const answer = Buffer.alloc(8_000_000, 'answer');

    channel.write(answer);
    channel.end();
    let received = 0;
    far.on('data', ({ length }: Buffer) => {
      received += length;
    });
    await once(far, 'end');

    expect(received).toBe(answer.length);
  });

  it('is closed by its end when the peer has ended and nothing is queued', async () => {
    const { near, far } = await connected();
    const ends: StreamEnd[] = [];
    let ended = false;
    const channel = channelOf(near);
    channel.handlers = {
      onData() {},
      onEnd: () => {
        ended = true;
      },
      onDrain() {},
      onClose: (end) => void ends.push(end),
    };
    far.end().resume();
    await until(() => ended);

    channel.end();
    await once(far, 'end');
    await until(() => ends.length > 0);

    expect(ends).toEqual([{ kind: 'clean' }]);
    expect(far.errored).toBeNull();
  });
});
