/** What the user of a stream sees, with two engines joined in memory. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/hbone/engine/error-code.js';
import type { EngineStream } from '../../../src/hbone/engine/stream.js';
import { collect, createEnginePair, type EnginePair } from '../../support/engine-pair.js';

const WINDOW = 65_536;

let pair: EnginePair;
let near: EngineStream;
let far: EngineStream;

beforeEach(async () => {
  const settings = { streamWindowBytes: WINDOW };
  pair = createEnginePair({ clientSettings: settings, serverSettings: settings });
  near = pair.client.open({ authority: 'a:1', headers: [], answered() {} });
  await pair.settle();
  far = pair.requests[0]!.stream;
});

describe('a stream', () => {
  it('keeps what arrives before there are handlers, its end included', async () => {
    near.write(Buffer.from('early'));
    near.end();
    await pair.settle();

    const sink = collect(far);
    await Promise.resolve();

    expect(sink).toMatchObject({ ended: true });
    expect(sink.text()).toBe('early');
  });

  it('lets a paused reader hold no more than one window, and loses none of it', async () => {
    const sink = collect(far);
    far.pause();
    const sent = Buffer.alloc(3 * WINDOW, 'abcdefg');

    near.write(sent);
    await pair.settle();
    const held = far.bytesReceived;
    far.resume();
    await pair.settle();

    expect(held).toBe(WINDOW);
    expect(sink.text()).toBe(sent.toString());
  });

  it('asks its writer to wait when much is queued, and calls once there is room', async () => {
    const sink = collect(near);

    const first = near.write(Buffer.alloc(262_143));
    const second = near.write(Buffer.alloc(1));
    const before = sink.drains;
    collect(far);
    await pair.settle();

    expect([first, second, before, sink.drains]).toEqual([true, false, 0, 1]);
  });

  it('stops delivering when a handler pauses it in the middle', async () => {
    const seen: string[] = [];
    far.handlers = {
      onData(chunk) {
        seen.push(Buffer.from(chunk).toString());
        far.pause();
      },
      onEnd: () => seen.push('end'),
      onDrain() {},
      onClose() {},
    };
    near.write(Buffer.from('one'));
    await pair.settle();
    near.write(Buffer.from('two'));
    near.end();
    await pair.settle();
    const whilePaused = [...seen];

    far.resume();
    far.resume();

    expect(whilePaused).toEqual(['one']);
    expect(seen).toEqual(['one', 'two', 'end']);
  });

  it.each([
    ['NO_ERROR', ErrorCode.NO_ERROR, { kind: 'clean' }],
    ['CANCEL', ErrorCode.CANCEL, { kind: 'clean' }],
    ['REFUSED_STREAM', ErrorCode.REFUSED_STREAM, { kind: 'reset', by: 'peer', errorCode: ErrorCode.REFUSED_STREAM }],
    ['CONNECT_ERROR', ErrorCode.CONNECT_ERROR, { kind: 'reset', by: 'peer', errorCode: ErrorCode.CONNECT_ERROR }],
  ])('reset with %s ends so at the other side', async (_, errorCode, expected) => {
    const sink = collect(far);

    near.reset(errorCode);
    await pair.settle();

    expect(sink.end).toEqual(expected);
  });

  it('delivers what came before a clean reset, and drops it before any other', async () => {
    const sink = collect(far);
    far.pause();
    near.write(Buffer.from('last words'));
    await pair.settle();

    near.reset(ErrorCode.CANCEL);
    await pair.settle();
    const endWhileUnread = sink.end;
    far.resume();
    await Promise.resolve();

    expect(endWhileUnread).toBeUndefined();
    expect(sink.text()).toBe('last words');
    expect(sink.end).toEqual({ kind: 'clean' });
  });

  it('closed by one side finishes what is queued there and refuses what the other still sends', async () => {
    const atNear = collect(near);
    const atFar = collect(far);

    far.write(Buffer.from('answer'));
    far.close();
    await pair.settle();

    expect(atNear.text()).toBe('answer');
    expect(atNear).toMatchObject({ ended: true, end: { kind: 'clean' } });
    expect(atFar.end).toEqual({ kind: 'reset', by: 'local', errorCode: ErrorCode.NO_ERROR });
    expect([pair.client.activeStreams, pair.server.activeStreams]).toEqual([0, 0]);
  });

  it('that is over takes no more: writes answer false, ends and resets do nothing', async () => {
    const sink = collect(near);
    near.reset();
    await pair.settle();

    const written = near.write(Buffer.from('x'));
    near.reset();
    near.end();
    await pair.settle();

    expect(written).toBe(false);
    expect(sink.end).toEqual({ kind: 'reset', by: 'local', errorCode: ErrorCode.CANCEL });
  });

  it.each([
    ['ended in both directions', () => near.end()],
    ['reset with CANCEL', () => near.reset(ErrorCode.CANCEL)],
    ['lost with its connection', () => pair.server.transportEnded(new Error('read ECONNRESET'))],
  ])('that was %s lets go of what is unread when its reader gives up', async (_, finish) => {
    const sink = collect(far);
    far.pause();
    near.write(Buffer.from('never read'));
    await pair.settle();
    far.end();
    finish();
    await pair.settle();
    const endWhileUnread = sink.end;

    far.reset(ErrorCode.CONNECT_ERROR);
    await Promise.resolve();

    expect(endWhileUnread).toBeUndefined();
    expect(sink.text()).toBe('');
    expect(sink.end).toBeDefined();
  });

  it('that was closed while its reader had stopped is over as soon as the peer has reset it', async () => {
    const sink = collect(far);
    far.pause();
    near.write(Buffer.from('never read'));
    await pair.settle();
    far.close();
    near.reset(ErrorCode.CANCEL);

    pair.move('client');
    await Promise.resolve();

    expect([sink.text(), sink.end]).toEqual(['', { kind: 'clean' }]);
  });

  it.each(['reset', 'close'] as const)('that is over gives the window of the connection back on %s', async (giveUp) => {
    const settings = { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 };
    pair = createEnginePair({ clientSettings: settings, serverSettings: settings });
    const senders: EngineStream[] = [];
    for (let index = 0; index < 3; index++) {
      senders.push(pair.client.open({ authority: 'a:1', headers: [], answered() {} }));
      await pair.settle();
      const { stream } = pair.requests[index]!;
      collect(stream);
      stream.pause();
      senders[index]!.write(Buffer.alloc(60_000));
      senders[index]!.end();
      stream.end();
      await pair.settle();

      stream[giveUp]();
      await pair.settle();
    }

    expect(senders.map(({ bytesSent }) => bytesSent)).toEqual([60_000, 60_000, 60_000]);
    expect([pair.client.activeStreams, pair.server.activeStreams]).toEqual([0, 0]);
  });

  it('does not let a write follow its end', () => {
    near.end();

    expect(() => near.write(Buffer.from('x'))).toThrow(/write after end/);
  });

  it('whose handler throws is lost alone', async () => {
    const other = pair.client.open({ authority: 'b:1', headers: [], answered() {} });
    await pair.settle();
    const otherSink = collect(pair.requests[1]!.stream);
    const ends: unknown[] = [];
    far.handlers = {
      onData() {
        throw new Error('a mistake');
      },
      onEnd() {},
      onDrain() {},
      onClose: (end) => ends.push(end),
    };
    const atNear = collect(near);

    near.write(Buffer.from('x'));
    other.write(Buffer.from('y'));
    await pair.settle();

    expect(ends).toMatchObject([{ kind: 'lost', error: { cause: { message: 'a mistake' } } }]);
    expect(atNear.end).toEqual({ kind: 'reset', by: 'peer', errorCode: ErrorCode.INTERNAL_ERROR });
    expect(otherSink.text()).toBe('y');
  });

  it('is lost with its connection, after what had arrived', async () => {
    const sink = collect(far);
    near.write(Buffer.from('half a sen'));
    await pair.settle();

    pair.server.transportEnded(new Error('read ECONNRESET'));
    await Promise.resolve();

    expect(sink.text()).toBe('half a sen');
    expect(sink.end).toMatchObject({ kind: 'lost', error: { code: 'TUNNEL_LOST' } });
    expect(pair.ends.server).toMatchObject({
      kind: 'fault',
      fault: { message: expect.stringContaining('ECONNRESET') },
    });
  });

  it('counts its bytes in both directions', async () => {
    collect(near);
    collect(far);
    near.write(Buffer.alloc(10));
    far.write(Buffer.alloc(3));
    await pair.settle();

    expect([near.bytesSent, near.bytesReceived, far.bytesSent, far.bytesReceived]).toEqual([10, 3, 3, 10]);
  });
});
