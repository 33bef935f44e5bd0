/** RFC 9113 for the client role: answers, what a server may send when, and what the user of a tunnel learns of it. */

import { describe, expect, it } from 'vitest';
import { dialHbone } from '../../../src/hbone/index.js';
import { realClock } from '../../../src/runtime/clock.js';
import { clientCases } from '../../support/conformance/run.js';
import { codec } from '../../support/engine-pair.js';
import { createHboneFixture, REVIEWS } from '../../support/hbone-fixture.js';
import { raw, rawFrame } from '../../support/raw-frames.js';
import { hpack } from '../../support/raw-hpack.js';
import { serveRaw } from '../../support/raw-tls-server.js';

const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const OK = [[':status', '200']] as const;

const BROKEN = ['GOAWAY 0 PROTOCOL_ERROR', 'closed'];
const MALFORMED = ['RST_STREAM 1 PROTOCOL_ERROR'];
const REFUSED = ['fault TUNNEL_REFUSED'];
const answer = (...fields: readonly Uint8Array[]) => [rawFrame(0x1, END_HEADERS, 1, Buffer.concat(fields))];
const { literal, indexed } = hpack;
/** `:status: 200` of the static table. */
const STATUS_200 = indexed(8);

clientCases('frames and field blocks', [
  {
    section: '4.1',
    rule: 'ignores frames of unknown type',
    given: 'a tunnel',
    send: [rawFrame(0x16, 0xff, 1, Buffer.from('x')), raw.data(1, 'a')],
    back: [],
    seen: ['data a'],
  },
  {
    section: '4.2',
    rule: 'refuses a frame over SETTINGS_MAX_FRAME_SIZE',
    given: 'a tunnel',
    send: [rawFrame(0x0, 0, 1).fill(0xff, 0, 3)],
    back: ['GOAWAY 0 FRAME_SIZE_ERROR', 'closed'],
    seen: ['closed lost'],
  },
  {
    section: '4.3',
    rule: 'refuses a block that cannot be decoded',
    send: answer(indexed(70)),
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
    seen: ['fault TUNNEL_LOST'],
  },
  {
    section: '4.3',
    rule: 'takes an answer in pieces',
    send: [rawFrame(0x1, 0, 1), rawFrame(0x9, END_HEADERS, 1, STATUS_200)],
    back: [],
    seen: ['tunnel'],
  },
  {
    section: '6.10',
    rule: 'refuses another frame within a block',
    send: [rawFrame(0x1, 0, 1), raw.ping()],
    back: BROKEN,
    seen: ['fault TUNNEL_LOST'],
  },
]);

clientCases('streams', [
  {
    section: '5.1',
    rule: 'refuses DATA on an idle stream',
    send: [raw.data(3, 'a')],
    back: BROKEN,
    seen: ['fault TUNNEL_LOST'],
  },
  {
    section: '5.1',
    rule: 'refuses RST_STREAM on an idle stream',
    send: [raw.rstStream(3, 8)],
    back: BROKEN,
    seen: ['fault TUNNEL_LOST'],
  },
  {
    section: '5.1',
    rule: 'refuses WINDOW_UPDATE on an idle stream',
    send: [raw.windowUpdate(3, 1)],
    back: BROKEN,
    seen: ['fault TUNNEL_LOST'],
  },
  {
    section: '5.1',
    rule: 'resets a stream that sends DATA after its end',
    given: 'a tunnel the server has ended',
    send: [raw.data(1, 'a')],
    back: ['RST_STREAM 1 STREAM_CLOSED'],
    seen: ['closed reset by local 5'],
  },
  {
    section: '5.1',
    rule: 'resets a stream that sends trailers after its end',
    given: 'a tunnel the server has ended',
    send: [raw.headers(1, [['x', 'y']], END_STREAM)],
    back: ['RST_STREAM 1 STREAM_CLOSED'],
    seen: ['closed reset by local 5'],
  },
  {
    section: '5.1',
    rule: 'takes WINDOW_UPDATE and PRIORITY after the end of the server',
    given: 'a tunnel the server has ended',
    send: [raw.windowUpdate(1, 1), rawFrame(0x2, 0, 1, Buffer.alloc(5))],
    back: [],
    seen: [],
  },
  {
    section: '5.1',
    rule: 'discards what comes for a closed stream',
    given: 'a tunnel the server has reset',
    send: [raw.data(1, 'a'), raw.headers(1, OK), raw.windowUpdate(1, 1), raw.rstStream(1, 8)],
    back: [],
    seen: [],
  },
  {
    section: '5.1.1',
    rule: 'refuses streams of even number, opened by the server',
    send: [raw.headers(2, OK)],
    back: BROKEN,
    seen: ['fault TUNNEL_LOST'],
  },
  {
    section: '5.1.1',
    rule: 'refuses streams of odd number, opened by the server',
    send: [raw.headers(3, OK)],
    back: BROKEN,
    seen: ['fault TUNNEL_LOST'],
  },
]);

clientCases('answers', [
  { section: '8.5', rule: 'takes 200 for a tunnel', send: [raw.headers(1, OK)], back: [], seen: ['tunnel'] },
  {
    section: '8.5',
    rule: 'takes DATA that comes with the answer',
    send: [raw.headers(1, OK), raw.data(1, 'a')],
    back: [],
    seen: ['tunnel', 'data a'],
  },
  {
    section: '8.5',
    rule: 'reads no content-length in an answer to CONNECT',
    send: answer(STATUS_200, literal('content-length', '9')),
    back: [],
    seen: ['tunnel'],
  },
  // Anything but 200 is a failure (hbone §10.client.5).
  ...['201', '204', '301', '404', '503'].map((status) => ({
    section: '8.5',
    rule: `takes ${status} for a refusal, and resets what is left of the stream`,
    send: [raw.headers(1, [[':status', status]])],
    back: ['RST_STREAM 1 CANCEL'],
    seen: REFUSED,
  })),
  // ztunnel denies with 401, an Envoy with 403.
  ...['401', '403'].map((status) => ({
    section: '8.5',
    rule: `takes ${status} for a policy that denies`,
    send: [raw.headers(1, [[':status', status]], END_STREAM)],
    back: ['RST_STREAM 1 CANCEL'],
    seen: ['fault POLICY_DENY'],
  })),
  {
    section: '8.1',
    rule: 'passes over interim answers',
    send: [raw.headers(1, [[':status', '103']]), raw.headers(1, OK)],
    back: [],
    seen: ['tunnel'],
  },
  {
    section: '8.1',
    rule: 'refuses an interim answer with END_STREAM',
    send: [raw.headers(1, [[':status', '103']], END_STREAM)],
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.1',
    rule: 'takes 200 with END_STREAM for a tunnel whose other side says nothing',
    send: [raw.headers(1, OK, END_STREAM)],
    back: [],
    seen: ['tunnel', 'end'],
  },
  {
    section: '8.1',
    rule: 'takes trailers as the end of the server',
    given: 'a tunnel',
    send: [raw.headers(1, [['x', 'y']], END_STREAM)],
    back: [],
    seen: ['end'],
  },
  {
    section: '8.1',
    rule: 'refuses a second answer',
    given: 'a tunnel',
    send: [raw.headers(1, OK)],
    back: MALFORMED,
    seen: ['closed reset by local 1'],
  },
  {
    section: '8.1',
    rule: 'refuses a second answer with END_STREAM',
    given: 'a tunnel',
    send: [raw.headers(1, OK, END_STREAM)],
    back: MALFORMED,
    seen: ['closed reset by local 1'],
  },
  {
    section: '8.2.1',
    rule: 'refuses upper case in names',
    send: answer(STATUS_200, literal('Baggage', 'x')),
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.2.2',
    rule: 'refuses connection-specific fields',
    send: answer(STATUS_200, literal('connection', 'close')),
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.3',
    rule: 'refuses pseudo-header fields of requests',
    send: answer(STATUS_200, literal(':path', '/')),
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.3',
    rule: 'refuses :status behind a regular field',
    send: answer(literal('a', 'b'), STATUS_200),
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.3.2',
    rule: 'refuses an answer without :status',
    send: answer(literal('a', 'b')),
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.3.2',
    rule: 'refuses two :status',
    send: answer(STATUS_200, STATUS_200),
    back: MALFORMED,
    seen: REFUSED,
  },
  ...['2xx', '20', '2000', '099', '600', '2e2', '0xc8', '+200', '200.0'].map((status) => ({
    section: '8.3.2',
    rule: `refuses the :status ${status}`,
    send: answer(literal(':status', status)),
    back: MALFORMED,
    seen: REFUSED,
  })),
  {
    section: '10.5.1',
    rule: 'gives up an answer over its SETTINGS_MAX_HEADER_LIST_SIZE, and keeps the connection',
    send: [raw.headers(1, [...OK, ['x', 'y'.repeat(16_384)]])],
    back: ['RST_STREAM 1 CANCEL'],
    seen: REFUSED,
  },
]);

clientCases('ends and resets', [
  {
    section: '8.5',
    rule: 'END_STREAM is an end, and the user may go on speaking',
    given: 'a tunnel',
    send: [raw.data(1, 'bye', END_STREAM)],
    back: [],
    seen: ['data bye', 'end'],
  },
  {
    section: '8.5',
    rule: 'RST_STREAM CANCEL is an orderly end',
    given: 'a tunnel',
    send: [raw.data(1, 'a'), raw.rstStream(1, 8)],
    back: [],
    seen: ['data a', 'closed clean'],
  },
  {
    section: '8.5',
    rule: 'RST_STREAM NO_ERROR is an orderly end',
    given: 'a tunnel',
    send: [raw.rstStream(1, 0)],
    back: [],
    seen: ['closed clean'],
  },
  {
    section: '8.5',
    rule: 'RST_STREAM CONNECT_ERROR is a broken connection',
    given: 'a tunnel',
    send: [raw.rstStream(1, 10)],
    back: [],
    seen: ['closed reset by peer 10'],
  },
  {
    section: '8.7',
    rule: 'REFUSED_STREAM is told apart: nothing was done',
    send: [raw.rstStream(1, 7)],
    back: [],
    seen: REFUSED,
  },
  {
    section: '5.4.1',
    rule: 'loses its tunnels with the connection',
    given: 'a tunnel',
    send: [rawFrame(0x4, 0, 1)],
    back: BROKEN,
    seen: ['closed lost'],
  },
]);

clientCases('flow control', [
  {
    section: '6.9',
    rule: 'refuses an increment of 0 of the connection',
    given: 'a tunnel',
    send: [raw.windowUpdate(0, 0)],
    back: BROKEN,
    seen: ['closed lost'],
  },
  {
    section: '6.9',
    rule: 'resets a stream for an increment of 0',
    given: 'a tunnel',
    send: [raw.windowUpdate(1, 0)],
    back: MALFORMED,
    seen: ['closed reset by local 1'],
  },
  {
    section: '6.9.1',
    rule: 'refuses a window of the connection over 2^31-1',
    send: [raw.windowUpdate(0, 2 ** 31 - 1)],
    back: ['GOAWAY 0 FLOW_CONTROL_ERROR', 'closed'],
    seen: ['fault TUNNEL_LOST'],
  },
  {
    section: '6.9.1',
    rule: 'resets a stream whose window would be over 2^31-1',
    given: 'a tunnel',
    send: [raw.windowUpdate(1, 2 ** 31 - 1)],
    back: ['RST_STREAM 1 FLOW_CONTROL_ERROR'],
    seen: ['closed reset by local 3'],
  },
]);

clientCases('DATA before the answer', [
  {
    section: '8.1',
    rule: 'resets the stream: a message begins with HEADERS',
    send: [raw.data(1, 'a')],
    back: MALFORMED,
    seen: REFUSED,
  },
  {
    section: '8.1',
    rule: 'interim answers do not begin it',
    send: [raw.headers(1, [[':status', '103']]), raw.data(1, 'a')],
    back: MALFORMED,
    seen: REFUSED,
  },
]);

describe('client: requests', () => {
  it('8.5 sends :method and :authority alone, then its headers in order (hbone §10.client.2)', async () => {
    const fixture = await createHboneFixture();
    const server = await serveRaw(fixture.scope, await fixture.authority.issuePem(REVIEWS));
    const accepted = server.accept();
    const identity = { certificate: fixture.web, expected: [REVIEWS], clock: realClock };
    const client = await dialHbone({ target: server.address, ...identity });
    const asked = client.connect({ authority: '10.0.0.1:80', headers: [['baggage', 'a=1']] }).catch(() => {});

    const request = await (await accepted).frame(({ type }) => type === 'HEADERS');

    expect(fieldsOf(request.payload)).toEqual([
      [':method', 'CONNECT'],
      [':authority', '10.0.0.1:80'],
      ['baggage', 'a=1'],
    ]);
    // No END_STREAM: the tunnel is to carry bytes.
    expect(request.flags).toBe(END_HEADERS);
    await client.close();
    await asked;
    await fixture.close();
  });
});

function fieldsOf(block: Buffer): readonly (readonly [string, string])[] {
  const decoder = codec.openDecoder({ role: 'server', maxFrameSize: 16_384, maxHeaderListSize: 16_384 });
  const fields: (readonly [string, string])[] = [];
  const ignored = () => {};
  decoder.read(Buffer.concat([raw.preface, raw.settings(), rawFrame(0x1, END_HEADERS, 1, block)]), {
    data: ignored,
    headers: (_, headers) => {
      for (let at = 0; at < headers.count; at++) fields.push([headers.name(at), headers.value(at)]);
    },
    rstStream: ignored,
    settings: ignored,
    ping: ignored,
    goAway: ignored,
    windowUpdate: ignored,
    streamError: ignored,
  });
  decoder.close();
  return fields;
}
