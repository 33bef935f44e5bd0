/**
 * RFC 9113 section 5: streams. 5.1 per state and frame, identifiers, concurrency, flow control, priority, error handling,
 * extensions. Server role; what a client must do is in `client.test.ts`.
 */
import { SettingId } from '@isthmus/codec-wasm';
import { serverCases } from '../../support/conformance/run.js';
import type { SERVER_STATES, ServerCase } from '../../support/conformance/server-subject.js';
import { raw, rawFrame } from '../../support/raw-frames.js';

const END_STREAM = 0x1;
const PRIORITY_FRAME = rawFrame(0x2, 0, 1, Buffer.of(0, 0, 0, 0, 16));
/** Depends on itself, which was an error before RFC 9113 gave priorities up. */
const PRIORITY_OF_ITSELF = rawFrame(0x2, 0, 1, Buffer.of(0, 0, 0, 1, 16));

/** One frame of each kind on stream 1. */
const FRAMES = {
  DATA: [raw.data(1, 'a')],
  'DATA with END_STREAM': [raw.data(1, 'a', END_STREAM)],
  HEADERS: [raw.headers(1, [['x', 'y']])],
  'HEADERS with END_STREAM': [raw.headers(1, [['x', 'y']], END_STREAM)],
  PRIORITY: [PRIORITY_FRAME],
  RST_STREAM: [raw.rstStream(1, 8)],
  WINDOW_UPDATE: [raw.windowUpdate(1, 1)],
  CONTINUATION: [rawFrame(0x9, 0x4, 1)],
} as const;

const BROKEN = ['GOAWAY 1 PROTOCOL_ERROR', 'closed'];
const NOTHING: readonly string[] = [];

/**
 * Section 5.1 as a table: for each state what each frame brings back. On closed streams everything is processed as little
 * as section 5.1 allows and discarded: a server with an eye on memory cannot know how a stream it has forgotten ended.
 */
const STATES: Partial<Record<keyof typeof SERVER_STATES, Record<keyof typeof FRAMES, readonly string[]>>> = {
  'nothing but the handshake': {
    DATA: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
    'DATA with END_STREAM': ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
    // A request that lacks everything: answered as HTTP allows a server (section 8.1.1).
    HEADERS: ['HEADERS 1 400 END_STREAM', 'RST_STREAM 1 NO_ERROR'],
    'HEADERS with END_STREAM': ['HEADERS 1 400 END_STREAM'],
    PRIORITY: NOTHING,
    RST_STREAM: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
    WINDOW_UPDATE: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
    CONTINUATION: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
  },
  open: {
    DATA: ['DATA 1 "a"'],
    'DATA with END_STREAM': ['DATA 1 "a" END_STREAM'],
    // Only trailers may follow a request, and trailers end it (section 8.1).
    HEADERS: ['RST_STREAM 1 PROTOCOL_ERROR'],
    'HEADERS with END_STREAM': ['DATA 1 "" END_STREAM'],
    PRIORITY: NOTHING,
    RST_STREAM: NOTHING,
    WINDOW_UPDATE: NOTHING,
    CONTINUATION: BROKEN,
  },
  'half-closed (remote)': {
    DATA: ['RST_STREAM 1 STREAM_CLOSED'],
    'DATA with END_STREAM': ['RST_STREAM 1 STREAM_CLOSED'],
    HEADERS: ['RST_STREAM 1 STREAM_CLOSED'],
    'HEADERS with END_STREAM': ['RST_STREAM 1 STREAM_CLOSED'],
    PRIORITY: NOTHING,
    RST_STREAM: NOTHING,
    WINDOW_UPDATE: NOTHING,
    CONTINUATION: BROKEN,
  },
  'half-closed (local)': {
    DATA: NOTHING,
    'DATA with END_STREAM': NOTHING,
    HEADERS: ['RST_STREAM 1 PROTOCOL_ERROR'],
    'HEADERS with END_STREAM': NOTHING,
    PRIORITY: NOTHING,
    RST_STREAM: NOTHING,
    WINDOW_UPDATE: NOTHING,
    CONTINUATION: BROKEN,
  },
  'closed by END_STREAM': discarded(),
  'closed by a reset of the client': discarded(),
  'closed by a reset of the server': discarded(),
};

function discarded(): Record<keyof typeof FRAMES, readonly string[]> {
  return {
    DATA: NOTHING,
    'DATA with END_STREAM': NOTHING,
    HEADERS: NOTHING,
    'HEADERS with END_STREAM': NOTHING,
    PRIORITY: NOTHING,
    RST_STREAM: NOTHING,
    WINDOW_UPDATE: NOTHING,
    CONTINUATION: BROKEN,
  };
}

function rowsOf(
  given: keyof typeof SERVER_STATES,
  answers: Record<keyof typeof FRAMES, readonly string[]>,
): ServerCase[] {
  return Object.entries(answers).map(([frame, back]) => ({
    section: '5.1',
    rule: frame,
    given,
    send: FRAMES[frame as keyof typeof FRAMES],
    back,
  }));
}

serverCases(
  'stream states',
  Object.entries(STATES).flatMap(([given, answers]) => rowsOf(given as keyof typeof SERVER_STATES, answers)),
);

serverCases('identifiers', [
  {
    section: '5.1.1',
    rule: 'refuses an even identifier',
    send: [raw.connect(2)],
    back: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
  },
  {
    section: '5.1.1',
    rule: 'takes the identifiers that a client passed over for closed, as nghttp2 does',
    given: 'open on stream 5',
    send: [raw.connect(3, 'echo:1'), raw.data(5, 'a')],
    back: ['DATA 5 "a"'],
  },
  {
    section: '5.1.1',
    rule: 'takes the last identifier there is',
    send: [raw.connect(2 ** 31 - 1, 'refuser:1')],
    back: ['HEADERS 2147483647 503 END_STREAM', 'RST_STREAM 2147483647 NO_ERROR'],
  },
]);

const many = (count: number, make: (id: number) => Buffer) => Array.from({ length: count }, (_, n) => make(2 * n + 1));

serverCases('concurrency', [
  {
    section: '5.1.2',
    rule: 'refuses the 201st stream, and the others live on',
    send: [...many(201, (id) => raw.connect(id, 'silent:1')), raw.rstStream(1, 8), raw.connect(403, 'refuser:1')],
    back: ['RST_STREAM 401 REFUSED_STREAM', 'HEADERS 403 503 END_STREAM', 'RST_STREAM 403 NO_ERROR'],
  },
  {
    section: '5.1.2',
    rule: 'counts half-closed streams',
    send: [...many(201, (id) => raw.connectEnded(id, 'listener:1'))],
    back: [...many(200, (id) => Buffer.from(`HEADERS ${id} 200`)).map(String), 'RST_STREAM 401 REFUSED_STREAM'],
  },
]);

const window = (bytes: number) => raw.settings([SettingId.INITIAL_WINDOW_SIZE, bytes]);

serverCases('flow control', [
  {
    section: '5.2.1',
    rule: 'sends no more than the window of the stream',
    send: [window(3), raw.connect(1, 'echo:1'), raw.data(1, 'abcdef')],
    back: ['SETTINGS ACK', 'HEADERS 1 200', 'DATA 1 "abc"'],
  },
  {
    section: '5.2.1',
    rule: 'control frames need no window',
    send: [window(0), raw.connect(1, 'echo:1'), raw.data(1, 'abc', END_STREAM), raw.ping(Buffer.from('8 bytes!'))],
    back: ['SETTINGS ACK', 'HEADERS 1 200', 'PING ACK 8 bytes!'],
  },
  {
    section: '5.2.2',
    rule: 'gives credit back when half of a window is read',
    given: 'open',
    send: [window(0), ...Array.from({ length: 32 }, () => raw.data(1, Buffer.alloc(65_536)))],
    back: ['SETTINGS ACK', 'WINDOW_UPDATE 1 +2097152'],
  },
]);

serverCases('priority', [
  { section: '5.3.2', rule: 'ignores PRIORITY', given: 'open', send: [PRIORITY_FRAME], back: [] },
  {
    section: '5.3.2',
    rule: 'ignores a stream that depends on itself',
    given: 'open',
    send: [PRIORITY_OF_ITSELF],
    back: [],
  },
  {
    section: '5.3.2',
    rule: 'ignores the priority in HEADERS',
    send: [
      rawFrame(0x1, 0x24, 1, Buffer.concat([Buffer.of(0x80, 0, 0, 1, 255), raw.connect(1, 'refuser:1').subarray(9)])),
    ],
    back: ['HEADERS 1 503 END_STREAM', 'RST_STREAM 1 NO_ERROR'],
  },
]);

serverCases('errors', [
  {
    section: '5.4.1',
    rule: 'names in GOAWAY the last stream it looked at, then hangs up',
    given: 'open on stream 5',
    send: [raw.connect(7, 'echo:1'), rawFrame(0x4, 0, 1)],
    back: ['HEADERS 7 200', 'GOAWAY 7 PROTOCOL_ERROR', 'closed'],
  },
  {
    section: '5.4.2',
    rule: 'resets the stream with the error, and the connection lives on',
    given: 'open',
    send: [raw.windowUpdate(1, 0), raw.connect(3, 'refuser:1')],
    back: ['RST_STREAM 1 PROTOCOL_ERROR', 'HEADERS 3 503 END_STREAM', 'RST_STREAM 3 NO_ERROR'],
    seen: ['closed reset by local 1'],
  },
  {
    section: '5.4.2',
    rule: 'does not answer RST_STREAM with RST_STREAM',
    given: 'open',
    send: [raw.rstStream(1, 1), raw.rstStream(1, 1)],
    back: [],
  },
  {
    section: '5.4.3',
    rule: 'ends every stream when the transport ends',
    given: 'open',
    send: [rawFrame(0x4, 0, 1)],
    back: ['GOAWAY 1 PROTOCOL_ERROR', 'closed'],
    seen: ['closed lost'],
  },
]);

serverCases('extensions', [
  { section: '5.5', rule: 'ignores unknown settings', send: [raw.settings([0x1234, 7])], back: ['SETTINGS ACK'] },
  { section: '5.5', rule: 'ignores unknown frames', send: [rawFrame(0xbe, 0, 0, Buffer.from('x'))], back: [] },
  {
    section: '5.5',
    rule: 'refuses an unknown frame within a field block',
    send: [rawFrame(0x1, 0, 1, Buffer.alloc(0)), rawFrame(0xbe, 0, 0)],
    back: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
  },
]);
