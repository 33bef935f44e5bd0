/** The client end against servers made of raw frames. */
import { FrameFlag, SettingId } from '@isthmus/codec-wasm';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/hbone/engine/answer.js';
import { ErrorCode } from '../../../src/hbone/engine/error-code.js';
import { collect } from '../../support/engine-pair.js';
import { createRawServer } from '../../support/raw-engine-peer.js';
import { raw } from '../../support/raw-frames.js';

const OK = [[':status', '200']] as const;

/** A client with one CONNECT on its way. */
function connecting(init: Parameters<typeof createRawServer>[0] = {}) {
  const peer = createRawServer(init);
  const answers: Answer[] = [];
  const stream = peer.engine.open({ authority: 'a:1', headers: [], answered: (answer) => answers.push(answer) });
  const sent = peer.answers();
  return { peer, stream, answers, sent };
}

describe('a client', () => {
  it("opens with the preface, its SETTINGS in ztunnel's order, and the window of the connection", () => {
    const { greeting } = createRawServer();

    const [settings, window] = greeting;
    const ids = [0, 1, 2, 3].map((index) => settings!.payload.readUInt16BE(index * 6));
    expect(ids).toEqual([
      SettingId.ENABLE_PUSH,
      SettingId.INITIAL_WINDOW_SIZE,
      SettingId.MAX_FRAME_SIZE,
      SettingId.MAX_HEADER_LIST_SIZE,
    ]);
    expect(window).toMatchObject({ type: 'WINDOW_UPDATE', streamId: 0, increment: 16_711_681 });
  });

  it('reports the answer, and hands over data that came with it once somebody listens', async () => {
    const { peer, stream, answers } = connecting();

    peer.send(raw.headers(1, [...OK, ['baggage', 'k8s.cluster.name=west']]), raw.data(1, 'early'));
    const sink = collect(stream);
    await Promise.resolve();

    expect(answers).toMatchObject([{ kind: 'answered', status: 200 }]);
    const [answer] = answers;
    expect(answer?.kind === 'answered' && answer.headers.get('baggage')).toBe('k8s.cluster.name=west');
    expect(sink.text()).toBe('early');
  });

  it('passes over interim answers', () => {
    const { peer, answers } = connecting();

    peer.send(raw.headers(1, [[':status', '103']]), raw.headers(1, OK));

    expect(answers).toMatchObject([{ kind: 'answered', status: 200 }]);
  });

  it.each([
    ['REFUSED_STREAM', [raw.rstStream(1, ErrorCode.REFUSED_STREAM)]],
    ['a GOAWAY that leaves the stream out', [raw.goAway(0, ErrorCode.NO_ERROR)]],
  ])('knows after %s that nothing was done', (_, frames) => {
    const { peer, answers } = connecting();

    peer.send(...frames);

    expect(answers).toMatchObject([{ kind: 'unprocessed' }]);
    expect(peer.engine.activeStreams).toBe(0);
  });

  it.each([
    ['another reset', [raw.rstStream(1, ErrorCode.INTERNAL_ERROR)], 'reset with INTERNAL_ERROR'],
    ['an answer without :status', [raw.headers(1, [['x', 'y']])], ':status'],
    ['an answer that is malformed', [raw.headers(1, [...OK, ...OK])], 'rules of HTTP/2'],
    ['an answer with a status that is none', [raw.headers(1, [[':status', '2xx']])], ':status'],
    ['a header list over the limit', [raw.headers(1, [...OK, ['x', 'y'.repeat(16_384)]])], '16384 bytes'],
  ])('fails a CONNECT at %s', (_, frames, reason) => {
    const { peer, answers } = connecting();

    peer.send(...frames);

    expect(answers).toMatchObject([{ kind: 'reset', reason: expect.stringContaining(reason) }]);
    expect(peer.engine.activeStreams).toBe(0);
    expect(peer.end).toBeUndefined();
  });

  it('finishes its running streams after GOAWAY, opens no more, and ends with the last', () => {
    const { peer, stream } = connecting();
    peer.send(raw.headers(1, OK));

    peer.send(raw.goAway(2 ** 31 - 1, ErrorCode.NO_ERROR));
    const available = peer.engine.availableStreams;
    const before = peer.end;
    stream.end();
    peer.answers();
    peer.send(raw.data(1, 'bye', FrameFlag.END_STREAM));

    expect(available).toBe(0);
    expect(before).toBeUndefined();
    expect(peer.end).toEqual({ kind: 'graceful' });
  });

  it('opens as many streams as the peer takes, and never more than its own cap', () => {
    const assumed = createRawServer({ opening: Buffer.alloc(0) }).engine.availableStreams;
    const few = createRawServer({ opening: raw.settings([SettingId.MAX_CONCURRENT_STREAMS, 7]) }).engine
      .availableStreams;
    const many = createRawServer({ opening: raw.settings([SettingId.MAX_CONCURRENT_STREAMS, 1_000]) }).engine;

    expect([assumed, few, many.availableStreams]).toEqual([100, 7, 100]);
  });

  it('reads GOAWAY INADEQUATE_SECURITY as a refusal of its certificate', () => {
    const { peer } = connecting();

    peer.send(raw.goAway(0, ErrorCode.INADEQUATE_SECURITY));

    expect(peer.end).toMatchObject({ kind: 'fault', fault: { code: 'TLS_FAILURE' } });
  });

  it('takes a stream the peer opened as an error of the connection', () => {
    const peer = createRawServer();

    const answer = peer.send(raw.headers(3, OK));

    expect(answer.at(-1)).toMatchObject({ type: 'GOAWAY', errorCode: ErrorCode.PROTOCOL_ERROR });
  });

  it('resets a tunnel on which the peer sends more headers (RFC 9113 8.5)', () => {
    const { peer } = connecting();
    peer.send(raw.headers(1, OK));

    const answer = peer.send(raw.headers(1, OK));

    expect(answer).toMatchObject([{ type: 'RST_STREAM', errorCode: ErrorCode.PROTOCOL_ERROR }]);
  });

  it('sends nothing of a CONNECT whose headers cannot be sent, and keeps no stream for it', () => {
    const peer = createRawServer();
    peer.answers();

    const open = () => peer.engine.open({ authority: 'a:1', headers: [['x', 'a\nb']], answered() {} });

    expect(open).toThrow(/value of field 'x'/);
    expect(peer.answers()).toEqual([]);
    expect(peer.engine.activeStreams).toBe(0);
  });
});
