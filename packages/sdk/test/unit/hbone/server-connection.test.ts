/** The server end against peers made of raw frames; each case names the rule it is about. */
import { FrameFlag, SettingId } from '@isthmus/codec-wasm';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/hbone/engine/error-code.js';
import { collect } from '../../support/engine-pair.js';
import { createRawClient } from '../../support/raw-engine-peer.js';
import { type ParsedFrame, raw, rawFrame } from '../../support/raw-frames.js';

function ofType(frames: readonly ParsedFrame[], type: ParsedFrame['type']): ParsedFrame[] {
  return frames.filter((frame) => frame.type === type);
}

describe('RFC 9113 8.5: requests', () => {
  it('reports a CONNECT with its authority and its headers, all lines of a name in order', () => {
    const peer = createRawClient();

    peer.send(
      raw.connect(1, '[2001:db8::1]:80', [
        ['baggage', 'a=1'],
        ['x', 'y'],
        ['baggage', 'b=2'],
      ]),
    );

    const [request] = peer.requests;
    expect(request).toMatchObject({ method: 'CONNECT', authority: '[2001:db8::1]:80' });
    expect(request?.headers.all('baggage')).toEqual(['a=1', 'b=2']);
    expect(request?.headers.get('x')).toBe('y');
    expect(request?.headers.get('absent')).toBeUndefined();
  });

  it.each([
    [
      'CONNECT with :path',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        [':path', '/'],
      ],
    ],
    [
      'CONNECT with :scheme',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        [':scheme', 'https'],
      ],
    ],
    [
      'extended CONNECT, which was never allowed',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        [':protocol', 'websocket'],
        [':scheme', 'https'],
        [':path', '/'],
      ],
    ],
    [
      'a pseudo-header after a regular one',
      [
        [':method', 'CONNECT'],
        ['x', 'y'],
        [':authority', 'a:1'],
      ],
    ],
    [
      'a connection-specific header',
      [
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        ['connection', 'close'],
      ],
    ],
  ] as const)('resets %s with PROTOCOL_ERROR and serves the next request', (_, fields) => {
    const peer = createRawClient();

    const answer = peer.send(raw.headers(1, fields), raw.connect(3));

    expect(ofType(answer, 'RST_STREAM')).toMatchObject([{ streamId: 1, errorCode: ErrorCode.PROTOCOL_ERROR }]);
    expect(peer.requests).toHaveLength(1);
    expect(peer.end).toBeUndefined();
  });

  it('answers 431 to a header list over the limit and keeps the connection', () => {
    const peer = createRawClient({ settings: { serverMaxHeaderListBytes: 1_000 } });

    const answer = peer.send(raw.connect(1, 'a:1', [['x', 'y'.repeat(1_000)]]), raw.connect(3));

    const [headers] = ofType(answer, 'HEADERS');
    expect(headers).toMatchObject({ streamId: 1, flags: FrameFlag.END_HEADERS | FrameFlag.END_STREAM });
    expect(headers?.payload.toString('latin1')).toContain('431');
    expect(peer.requests).toHaveLength(1);
  });

  it('ends an error answer with END_STREAM, then tells the peer to stop with RST_STREAM NO_ERROR', () => {
    const peer = createRawClient({}, (request) => request.refuse(503, []));

    const answer = peer.send(raw.connect(1));

    expect(answer.map(({ type, errorCode }) => [type, errorCode])).toEqual([
      ['HEADERS', undefined],
      ['RST_STREAM', ErrorCode.NO_ERROR],
    ]);
    expect(peer.engine.activeStreams).toBe(0);
  });

  it('needs no reset when the peer had ended its side already', () => {
    const peer = createRawClient({}, (request) => request.refuse(503, []));

    const answer = peer.send(
      raw.headers(
        1,
        [
          [':method', 'CONNECT'],
          [':authority', 'a:1'],
        ],
        FrameFlag.END_STREAM,
      ),
    );

    expect(answer.map(({ type }) => type)).toEqual(['HEADERS']);
  });

  it('answers once: what comes after the first answer changes nothing', () => {
    const peer = createRawClient({}, (request) => {
      request.accept([]);
      request.refuse(503, []);
    });

    const answer = peer.send(raw.connect(1));

    expect(answer).toMatchObject([{ type: 'HEADERS', flags: FrameFlag.END_HEADERS }]);
  });

  it('tells whoever still thinks about a request that the peer gave up', () => {
    let abandoned = 0;
    const peer = createRawClient({}, (request) => {
      request.onAbandoned = () => {
        abandoned += 1;
      };
    });

    peer.send(raw.connect(1));
    peer.send(raw.rstStream(1, ErrorCode.CANCEL));
    const late = peer.requests[0]!;
    late.accept([]);

    expect(abandoned).toBe(1);
    expect(peer.answers()).toEqual([]);
  });
});

describe('RFC 9113 5.1: stream states', () => {
  it('takes DATA on an idle stream as an error of the connection', () => {
    const peer = createRawClient();

    const answer = peer.send(raw.data(5, 'x'));

    expect(answer.at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.PROTOCOL_ERROR });
  });

  it('resets a stream that sends DATA after its END_STREAM', () => {
    const peer = createRawClient({}, (request) => request.accept([]));

    peer.send(raw.connect(1), raw.data(1, 'x', FrameFlag.END_STREAM));
    const answer = peer.send(raw.data(1, 'y'));

    expect(answer.at(-1)).toMatchObject({ type: 'RST_STREAM', errorCode: ErrorCode.STREAM_CLOSED });
    expect(peer.end).toBeUndefined();
  });

  it('drops DATA for a stream it has reset and gives its credit back to the connection', () => {
    const peer = createRawClient({ settings: { connectionWindowBytes: 65_535 } }, (request) => request.accept([]));
    peer.send(raw.connect(1));
    peer.requests[0]!.stream.reset();
    peer.answers();

    const answer = [0, 1, 2].flatMap(() => peer.send(raw.data(1, 'x'.repeat(16_384))));

    expect(ofType(answer, 'WINDOW_UPDATE')).toMatchObject([{ streamId: 0, increment: 32_768 }]);
    expect(peer.end).toBeUndefined();
  });

  it('refuses streams over the limit with REFUSED_STREAM and takes them again when one has ended', () => {
    const peer = createRawClient({ settings: { serverMaxConcurrentStreams: 2 } });

    const over = peer.send(raw.connect(1), raw.connect(3), raw.connect(5));
    const after = peer.send(raw.rstStream(1, ErrorCode.CANCEL), raw.connect(7));

    expect(over).toMatchObject([{ type: 'RST_STREAM', streamId: 5, errorCode: ErrorCode.REFUSED_STREAM }]);
    expect(after).toEqual([]);
    expect(peer.requests.map(({ stream }) => stream.id)).toEqual([1, 3, 7]);
  });

  it('takes trailers as the end of the stream', async () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.connect(1), raw.data(1, 'all'));
    const sink = collect(peer.requests[0]!.stream);

    peer.send(raw.headers(1, [['grpc-status', '0']], FrameFlag.END_STREAM));
    await Promise.resolve();

    expect(sink.text()).toBe('all');
    expect(sink.ended).toBe(true);
  });
});

describe('RFC 9113 5.2, 6.9: flow control', () => {
  // hbone §10.server.3
  it('announces its windows at once, as ztunnel does', () => {
    const { greeting } = createRawClient();

    expect(greeting.map(({ type }) => type)).toEqual(['SETTINGS', 'WINDOW_UPDATE']);
    expect(greeting[1]).toMatchObject({ streamId: 0, increment: 16_711_681 });
    expect(settingsOf(greeting[0])).toEqual([
      [SettingId.MAX_CONCURRENT_STREAMS, 200],
      [SettingId.INITIAL_WINDOW_SIZE, 4_194_304],
      [SettingId.MAX_FRAME_SIZE, 1_048_576],
      [SettingId.MAX_HEADER_LIST_SIZE, 65_536],
    ]);
  });

  it('resets a stream that sends more than its window, and only that one', () => {
    const peer = createRawClient({ settings: { streamWindowBytes: 10 } }, (request) => request.accept([]));

    const answer = peer.send(raw.connect(1), raw.connect(3), raw.data(1, 'eleven byte'), raw.data(3, 'ten bytes!'));

    expect(ofType(answer, 'RST_STREAM')).toMatchObject([{ streamId: 1, errorCode: ErrorCode.FLOW_CONTROL_ERROR }]);
    expect(peer.engine.activeStreams).toBe(1);
  });

  it('ends a connection that sends more than its window and what it was lent on top', () => {
    const peer = createRawClient({ settings: { connectionWindowBytes: 65_535 } });

    peer.send(raw.connect(1), raw.connect(3));
    const within = Array.from({ length: 7 }, () => peer.send(raw.data(1, 'x'.repeat(16_384)))).flat();
    const answer = peer.send(raw.data(1, 'x'.repeat(16_384)));

    expect(ofType(within, 'GOAWAY')).toEqual([]);
    expect(answer.at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.FLOW_CONTROL_ERROR });
  });

  it('gives back the credit of padding, which no reader sees', () => {
    const peer = createRawClient({ settings: { streamWindowBytes: 400 } }, (request) => request.accept([]));
    peer.send(raw.connect(1));
    collect(peer.requests[0]!.stream);

    const answer = [0, 1, 2, 3].flatMap(() => peer.send(raw.paddedData(1, 'x', 198)));

    expect(peer.end).toBeUndefined();
    const credited = ofType(answer, 'WINDOW_UPDATE').filter(({ streamId }) => streamId === 1);
    expect(credited.reduce((sum, { increment = 0 }) => sum + increment, 0)).toBeGreaterThanOrEqual(400);
  });

  it('stops at the window of the stream and goes on when it grows', () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.settings([SettingId.INITIAL_WINDOW_SIZE, 3]), raw.connect(1));
    const { stream } = peer.requests[0]!;

    stream.write(Buffer.from('window'));
    const first = peer.answers();
    const second = peer.send(raw.windowUpdate(1, 2));
    const third = peer.send(raw.settings([SettingId.INITIAL_WINDOW_SIZE, 4]));

    expect(
      [first, second, third].map((frames) => ofType(frames, 'DATA').map(({ payload }) => payload.toString())),
    ).toEqual([['win'], ['do'], ['w']]);
  });

  it('waits while a lowered initial window has made the window negative', () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.settings([SettingId.INITIAL_WINDOW_SIZE, 5]), raw.connect(1));
    const { stream } = peer.requests[0]!;
    stream.write(Buffer.from('12345678'));
    peer.answers();

    peer.send(raw.settings([SettingId.INITIAL_WINDOW_SIZE, 0]));
    const still = peer.send(raw.windowUpdate(1, 5));
    const again = peer.send(raw.windowUpdate(1, 1));

    expect(ofType(still, 'DATA')).toEqual([]);
    expect(ofType(again, 'DATA').map(({ payload }) => payload.toString())).toEqual(['6']);
  });

  it('stops at the window of the connection, and its end needs no window', () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.settings([SettingId.INITIAL_WINDOW_SIZE, 1_000_000]), raw.connect(1), raw.connect(3));
    const [first, second] = peer.requests;

    first!.stream.write(Buffer.alloc(70_000));
    const answer = peer.answers();
    second!.stream.end();
    const ending = peer.answers();
    const rest = peer.send(raw.windowUpdate(0, 10_000));

    const bytes = (frames: readonly ParsedFrame[]) =>
      ofType(frames, 'DATA').reduce((sum, { payload }) => sum + payload.length, 0);
    expect(bytes(answer)).toBe(65_535);
    expect(ending).toMatchObject([{ type: 'DATA', streamId: 3, flags: FrameFlag.END_STREAM }]);
    expect(bytes(rest)).toBe(70_000 - 65_535);
  });

  it.each([
    ['the connection', 0, { type: 'GOAWAY' }],
    ['a stream', 1, { type: 'RST_STREAM', streamId: 1 }],
  ] as const)('refuses a WINDOW_UPDATE that takes the window of %s past 2^31-1', (_, streamId, expected) => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.connect(1));

    const answer = peer.send(raw.windowUpdate(streamId, 2 ** 31 - 1));

    expect(answer.at(-1)).toMatchObject({ ...expected, errorCode: ErrorCode.FLOW_CONTROL_ERROR });
  });

  // hbone §10.client.8
  it('keeps frames within the size the peer takes, and turns between streams', () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.connect(1), raw.connect(3));

    for (const { stream } of peer.requests) stream.write(Buffer.alloc(30_000));
    const order = ofType(peer.answers(), 'DATA').map(({ streamId, payload }) => [streamId, payload.length]);

    expect(order).toEqual([
      [1, 16_384],
      [3, 16_384],
      [1, 13_616],
      [3, 13_616],
    ]);
  });
});

describe('RFC 9113 6.5, 6.7: SETTINGS and PING', () => {
  it('acknowledges SETTINGS and answers PING with the same payload', () => {
    const peer = createRawClient();

    const answer = peer.send(raw.settings(), raw.ping(Buffer.from('8 bytes!')));

    expect(answer).toMatchObject([
      { type: 'SETTINGS', flags: FrameFlag.ACK },
      { type: 'PING', flags: FrameFlag.ACK },
    ]);
    expect(answer[1]?.payload.toString()).toBe('8 bytes!');
  });

  it('opens its next header block with a table size update after the peer lowered its table (RFC 7541 4.2)', () => {
    const peer = createRawClient({}, (request) => request.accept([]));

    const [, first] = peer.send(raw.settings([SettingId.HEADER_TABLE_SIZE, 0]), raw.connect(1));
    const [second] = peer.send(raw.connect(3));

    expect(first?.payload[0]).toBe(0x20);
    expect(second?.payload[0]).not.toBe(0x20);
  });

  it('continues a header block that is longer than the frames the peer takes', () => {
    const peer = createRawClient({}, (request) => request.accept([['x', 'y'.repeat(20_000)]]));

    const answer = peer.send(raw.connect(1));

    expect(answer.map(({ type, flags, payload }) => [type, flags, payload.length > 0])).toEqual([
      ['HEADERS', 0, true],
      ['CONTINUATION', FrameFlag.END_HEADERS, true],
    ]);
  });
});

describe('RFC 9113 6.8: draining', () => {
  it('says "no more" first, waits for one round trip, then names the last stream and ends with it', () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.connect(1));

    peer.engine.drain();
    const [announced, ping] = peer.answers();
    const unaware = peer.send(raw.connect(3));
    const final = peer.send(raw.pingAck(ping!.payload));
    const tooLate = peer.send(raw.connect(5));
    for (const { stream } of peer.requests) stream.reset();

    expect(announced).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.NO_ERROR });
    expect(announced?.payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
    expect(unaware).toMatchObject([{ type: 'HEADERS', streamId: 3 }]);
    expect(final[0]?.payload.readUInt32BE(0)).toBe(3);
    expect(tooLate).toMatchObject([{ type: 'RST_STREAM', streamId: 5, errorCode: ErrorCode.REFUSED_STREAM }]);
    expect(peer.end).toEqual({ kind: 'graceful' });
  });

  it('loses open streams when closed abruptly, with GOAWAY NO_ERROR', async () => {
    const peer = createRawClient({}, (request) => request.accept([]));
    peer.send(raw.connect(1));
    const sink = collect(peer.requests[0]!.stream);

    peer.engine.close();
    await Promise.resolve();

    expect(peer.answers().at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.NO_ERROR });
    expect(sink.end).toMatchObject({ kind: 'lost' });
  });
});

describe('what breaks a connection', () => {
  it.each([
    ['an oversized frame', rawFrame(0, 0, 1, Buffer.alloc(0)).fill(0xff, 0, 3), ErrorCode.FRAME_SIZE_ERROR],
    [
      'a broken HPACK block',
      rawFrame(1, FrameFlag.END_HEADERS, 1, Buffer.of(0xff, 0xff, 0xff, 0xff)),
      ErrorCode.COMPRESSION_ERROR,
    ],
    ['PUSH_PROMISE from a client', rawFrame(5, FrameFlag.END_HEADERS, 1, Buffer.alloc(4)), ErrorCode.PROTOCOL_ERROR],
  ])('%s gets a GOAWAY that names the rule', (_, frame, errorCode) => {
    const peer = createRawClient();

    const answer = peer.send(frame);

    expect(answer.at(-1)).toMatchObject({ type: 'GOAWAY', errorCode });
    expect(answer.at(-1)?.payload.subarray(8).toString()).toMatch(/RFC \d+/);
    expect(peer.end).toMatchObject({ kind: 'fault', fault: { code: 'TUNNEL_LOST' } });
  });

  it('a preface that is none is told apart: the peer does not speak HTTP/2', () => {
    const peer = createRawClient({ opening: Buffer.from('GET / HTTP/1.1\r\n\r\n') });

    expect(peer.end).toMatchObject({ kind: 'fault', fault: { code: 'H2_HANDSHAKE_FAILURE' } });
  });
});

function settingsOf(frame: ParsedFrame | undefined): number[][] {
  const { payload } = frame!;
  return Array.from({ length: payload.length / 6 }, (_, index) => [
    payload.readUInt16BE(index * 6),
    payload.readUInt32BE(index * 6 + 2),
  ]);
}
