/** RFC 9113 sections 6 and 7: each frame's own rules, and error codes. Server role unless the name says otherwise. */
import { SettingId } from '@isthmus/codec-wasm';
import { clientCases, serverCases } from '../../support/conformance/run.js';
import { raw, rawFrame } from '../../support/raw-frames.js';

const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const WITH_PRIORITY = 0x20;

const BROKEN = (code: string) => [`GOAWAY 0 ${code}`, 'closed'];
const BROKEN_AT_1 = (code: string) => [`GOAWAY 1 ${code}`, 'closed'];

serverCases('6.1 DATA', [
  { section: '6.1', rule: 'carries bytes', given: 'open', send: [raw.data(1, 'a')], back: ['DATA 1 "a"'] },
  { section: '6.1', rule: 'refuses DATA on stream 0', send: [raw.data(0, 'a')], back: BROKEN('PROTOCOL_ERROR') },
  {
    section: '6.1',
    rule: 'takes padding off',
    given: 'open',
    send: [raw.paddedData(1, 'a', 200)],
    back: ['DATA 1 "a"'],
  },
  { section: '6.1', rule: 'takes padding around nothing', given: 'open', send: [raw.paddedData(1, '', 255)], back: [] },
  {
    section: '6.1',
    rule: 'refuses padding as long as the frame',
    given: 'open',
    send: [rawFrame(0x0, PADDED, 1, Buffer.of(3, 1, 2))],
    back: BROKEN_AT_1('PROTOCOL_ERROR'),
  },
  {
    section: '6.1',
    rule: 'refuses a padded frame without the length of the padding',
    given: 'open',
    send: [rawFrame(0x0, PADDED, 1)],
    back: BROKEN_AT_1('FRAME_SIZE_ERROR'),
  },
  {
    section: '6.1',
    rule: 'takes an empty frame with END_STREAM',
    given: 'open',
    send: [raw.data(1, '', END_STREAM)],
    back: ['DATA 1 "" END_STREAM'],
    seen: ['end', 'closed clean'],
  },
]);

const connectBlock = raw.connect(1, 'refuser:1').subarray(9);
const REFUSED = ['HEADERS 1 503 END_STREAM', 'RST_STREAM 1 NO_ERROR'];

serverCases('6.2 HEADERS', [
  { section: '6.2', rule: 'refuses HEADERS on stream 0', send: [raw.connect(0)], back: BROKEN('PROTOCOL_ERROR') },
  {
    section: '6.2',
    rule: 'takes padding and priority off',
    send: [
      rawFrame(
        0x1,
        END_HEADERS | PADDED | WITH_PRIORITY,
        1,
        Buffer.concat([Buffer.of(2, 0, 0, 0, 0, 16), connectBlock, Buffer.alloc(2)]),
      ),
    ],
    back: REFUSED,
  },
  {
    section: '6.2',
    rule: 'refuses padding longer than what is left',
    send: [rawFrame(0x1, END_HEADERS | PADDED, 1, Buffer.concat([Buffer.of(connectBlock.length + 1), connectBlock]))],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.2',
    rule: 'refuses a frame too short for its priority',
    send: [rawFrame(0x1, END_HEADERS | WITH_PRIORITY, 1, Buffer.alloc(4))],
    back: BROKEN('FRAME_SIZE_ERROR'),
  },
  {
    section: '6.2',
    rule: 'lets no other frame into an open field block, not even of another stream',
    given: 'open',
    send: [rawFrame(0x1, 0, 3, connectBlock), raw.data(1, 'a')],
    back: BROKEN_AT_1('PROTOCOL_ERROR'),
  },
]);

serverCases('6.3 PRIORITY', [
  {
    section: '6.3',
    rule: 'refuses PRIORITY on stream 0',
    send: [rawFrame(0x2, 0, 0, Buffer.alloc(5))],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.3',
    rule: 'resets the stream of a PRIORITY of another length',
    given: 'open',
    send: [rawFrame(0x2, 0, 1, Buffer.alloc(4))],
    back: ['RST_STREAM 1 FRAME_SIZE_ERROR'],
  },
  {
    section: '6.3',
    rule: 'ignores PRIORITY on an idle stream',
    send: [rawFrame(0x2, 0, 77, Buffer.alloc(5))],
    back: [],
  },
  {
    section: '6.3',
    rule: 'ignores PRIORITY on an even stream',
    send: [rawFrame(0x2, 0, 78, Buffer.alloc(5))],
    back: [],
  },
]);

serverCases('6.4 RST_STREAM', [
  {
    section: '6.4',
    rule: 'refuses RST_STREAM on stream 0',
    send: [raw.rstStream(0, 8)],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.4',
    rule: 'refuses RST_STREAM on an idle stream',
    send: [raw.rstStream(9, 8)],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.4',
    rule: 'refuses another length',
    given: 'open',
    send: [rawFrame(0x3, 0, 1, Buffer.alloc(3))],
    back: BROKEN_AT_1('FRAME_SIZE_ERROR'),
  },
  {
    section: '6.4',
    rule: 'ends the stream, and nothing is sent on it',
    given: 'open, unanswered',
    send: [raw.rstStream(1, 8)],
    back: [],
    seen: ['given up'],
  },
]);

serverCases('6.5 SETTINGS', [
  {
    section: '6.5',
    rule: 'acknowledges SETTINGS, empty ones too',
    send: [raw.settings(), raw.settings([3, 1])],
    back: ['SETTINGS ACK', 'SETTINGS ACK'],
  },
  { section: '6.5', rule: 'does not answer an acknowledgement', send: [raw.settingsAck()], back: [] },
  {
    section: '6.5',
    rule: 'refuses an acknowledgement with a payload',
    send: [rawFrame(0x4, ACK, 0, Buffer.alloc(6))],
    back: BROKEN('FRAME_SIZE_ERROR'),
  },
  { section: '6.5', rule: 'refuses SETTINGS on a stream', send: [rawFrame(0x4, 0, 1)], back: BROKEN('PROTOCOL_ERROR') },
  {
    section: '6.5',
    rule: 'refuses a length that is no multiple of 6',
    send: [rawFrame(0x4, 0, 0, Buffer.alloc(5))],
    back: BROKEN('FRAME_SIZE_ERROR'),
  },
  {
    section: '6.5.1',
    rule: 'takes values in order, the last one of a setting counts',
    send: [
      raw.settings([SettingId.INITIAL_WINDOW_SIZE, 0], [SettingId.INITIAL_WINDOW_SIZE, 2]),
      raw.connect(1, 'echo:1'),
      raw.data(1, 'abc'),
    ],
    back: ['SETTINGS ACK', 'HEADERS 1 200', 'DATA 1 "ab"'],
  },
  {
    section: '6.5.2',
    rule: 'takes ENABLE_PUSH 0 and 1 from a client',
    send: [raw.settings([2, 0], [2, 1])],
    back: ['SETTINGS ACK'],
  },
  { section: '6.5.2', rule: 'refuses ENABLE_PUSH 2', send: [raw.settings([2, 2])], back: BROKEN('PROTOCOL_ERROR') },
  {
    section: '6.5.2',
    rule: 'refuses INITIAL_WINDOW_SIZE over 2^31-1',
    send: [raw.settings([4, 2 ** 31])],
    back: BROKEN('FLOW_CONTROL_ERROR'),
  },
  {
    section: '6.5.2',
    rule: 'refuses MAX_FRAME_SIZE under 2^14',
    send: [raw.settings([5, 16_383])],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.5.2',
    rule: 'refuses MAX_FRAME_SIZE over 2^24-1',
    send: [raw.settings([5, 2 ** 24])],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.5.2',
    rule: 'takes the largest values there are',
    send: [raw.settings([1, 2 ** 32 - 1], [3, 2 ** 32 - 1], [4, 2 ** 31 - 1], [5, 2 ** 24 - 1], [6, 2 ** 32 - 1])],
    back: ['SETTINGS ACK'],
  },
  {
    section: '6.5.3',
    rule: 'has applied SETTINGS before it acknowledges them',
    given: 'open',
    send: [raw.settings([4, 1]), raw.data(1, 'abc')],
    back: ['SETTINGS ACK', 'DATA 1 "a"'],
  },
]);

serverCases('6.6 PUSH_PROMISE', [
  {
    section: '6.6',
    rule: 'refuses PUSH_PROMISE, which only a server may send',
    given: 'open',
    send: [rawFrame(0x5, END_HEADERS, 1, Buffer.of(0, 0, 0, 2))],
    back: BROKEN_AT_1('PROTOCOL_ERROR'),
  },
  {
    section: '6.6',
    rule: 'refuses PUSH_PROMISE on stream 0',
    send: [rawFrame(0x5, END_HEADERS, 0, Buffer.of(0, 0, 0, 2))],
    back: BROKEN('PROTOCOL_ERROR'),
  },
]);

serverCases('6.7 PING', [
  {
    section: '6.7',
    rule: 'answers with the same payload',
    send: [raw.ping(Buffer.from('8 bytes!'))],
    back: ['PING ACK 8 bytes!'],
  },
  { section: '6.7', rule: 'does not answer an answer', send: [raw.pingAck(Buffer.from('8 bytes!'))], back: [] },
  {
    section: '6.7',
    rule: 'refuses PING on a stream',
    given: 'open',
    send: [rawFrame(0x6, 0, 1, Buffer.alloc(8))],
    back: BROKEN_AT_1('PROTOCOL_ERROR'),
  },
  {
    section: '6.7',
    rule: 'refuses another length',
    send: [rawFrame(0x6, 0, 0, Buffer.alloc(9))],
    back: BROKEN('FRAME_SIZE_ERROR'),
  },
]);

serverCases('6.8 GOAWAY', [
  {
    section: '6.8',
    rule: 'refuses GOAWAY on a stream',
    given: 'open',
    send: [rawFrame(0x7, 0, 1, Buffer.alloc(8))],
    back: BROKEN_AT_1('PROTOCOL_ERROR'),
  },
  {
    section: '6.8',
    rule: 'refuses GOAWAY shorter than 8 bytes',
    send: [rawFrame(0x7, 0, 0, Buffer.alloc(7))],
    back: BROKEN('FRAME_SIZE_ERROR'),
  },
  {
    section: '6.8',
    rule: 'says good-bye when nothing is open',
    send: [raw.goAway(0, 0)],
    back: ['GOAWAY 0 NO_ERROR', 'closed'],
  },
  {
    section: '6.8',
    rule: 'serves open streams to their end',
    given: 'open',
    send: [raw.goAway(0, 0), raw.data(1, 'a', END_STREAM)],
    back: ['DATA 1 "a" END_STREAM', 'GOAWAY 1 NO_ERROR', 'closed'],
    seen: ['data a', 'end', 'closed clean'],
  },
  {
    section: '6.8',
    rule: 'takes debug data and unknown error codes',
    given: 'open',
    send: [
      rawFrame(0x7, 0, 0, Buffer.concat([Buffer.alloc(4), Buffer.of(0xde, 0xad, 0xbe, 0xef), Buffer.from('why')])),
      raw.data(1, 'a'),
    ],
    back: ['DATA 1 "a"'],
  },
  {
    section: '6.8',
    rule: 'refuses streams opened after GOAWAY',
    given: 'open',
    send: [raw.goAway(0, 0), raw.connect(3, 'echo:1'), raw.data(1, 'a')],
    back: ['RST_STREAM 3 REFUSED_STREAM', 'DATA 1 "a"'],
  },
]);

serverCases('6.9 WINDOW_UPDATE', [
  {
    section: '6.9',
    rule: 'refuses another length',
    send: [rawFrame(0x8, 0, 0, Buffer.alloc(3))],
    back: BROKEN('FRAME_SIZE_ERROR'),
  },
  {
    section: '6.9',
    rule: 'refuses an increment of 0 of the connection',
    send: [raw.windowUpdate(0, 0)],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.9',
    rule: 'resets a stream for an increment of 0',
    given: 'open',
    send: [raw.windowUpdate(1, 0)],
    back: ['RST_STREAM 1 PROTOCOL_ERROR'],
  },
  {
    section: '6.9',
    rule: 'ignores the reserved bit of the increment',
    send: [
      raw.settings([4, 0]),
      raw.connect(1, 'echo:1'),
      raw.data(1, 'abc'),
      rawFrame(0x8, 0, 1, Buffer.of(0x80, 0, 0, 2)),
    ],
    back: ['SETTINGS ACK', 'HEADERS 1 200', 'DATA 1 "ab"'],
  },
  {
    section: '6.9.1',
    rule: 'refuses a window of the connection over 2^31-1',
    send: [raw.windowUpdate(0, 2 ** 31 - 1)],
    back: BROKEN('FLOW_CONTROL_ERROR'),
  },
  {
    section: '6.9.1',
    rule: 'takes a window of the connection of exactly 2^31-1',
    send: [raw.windowUpdate(0, 2 ** 31 - 1 - 65_535)],
    back: [],
  },
  {
    section: '6.9.1',
    rule: 'resets a stream whose window would be over 2^31-1',
    given: 'open',
    send: [raw.windowUpdate(1, 2 ** 31 - 1)],
    back: ['RST_STREAM 1 FLOW_CONTROL_ERROR'],
  },
  {
    section: '6.9.1',
    rule: 'resets a stream that sends more than its window, 4 MiB, and only that one',
    send: [
      raw.connect(1, 'silent:1'),
      ...Array.from({ length: 4 }, () => raw.data(1, Buffer.alloc(1_048_576))),
      raw.data(1, 'x'),
      raw.connect(3, 'refuser:1'),
    ],
    back: ['RST_STREAM 1 FLOW_CONTROL_ERROR', 'HEADERS 3 503 END_STREAM', 'RST_STREAM 3 NO_ERROR'],
  },
  {
    section: '6.9.2',
    rule: 'a smaller INITIAL_WINDOW_SIZE takes windows below zero, and updates fill them first',
    given: 'open, its window used up',
    send: [raw.settings([4, 0]), raw.data(1, 'def'), raw.windowUpdate(1, 4)],
    // Three over the new size and four more: one byte may go.
    back: ['SETTINGS ACK', 'DATA 1 "d"'],
  },
  {
    section: '6.9.2',
    rule: 'a larger INITIAL_WINDOW_SIZE lets waiting streams go on',
    send: [raw.settings([4, 0]), raw.connect(1, 'echo:1'), raw.data(1, 'abc'), raw.settings([4, 2])],
    back: ['SETTINGS ACK', 'HEADERS 1 200', 'SETTINGS ACK', 'DATA 1 "ab"'],
  },
  {
    section: '6.9.2',
    rule: 'INITIAL_WINDOW_SIZE that takes a window over 2^31-1 costs the connection',
    given: 'open',
    send: [raw.windowUpdate(1, 2 ** 31 - 1 - 65_535), raw.settings([4, 65_536])],
    back: BROKEN_AT_1('FLOW_CONTROL_ERROR'),
  },
  {
    section: '6.9.3',
    rule: 'INITIAL_WINDOW_SIZE leaves the window of the connection alone',
    given: 'open',
    send: [raw.settings([4, 2 ** 31 - 1]), raw.windowUpdate(0, 1)],
    back: ['SETTINGS ACK'],
  },
]);

serverCases('6.10 CONTINUATION', [
  {
    section: '6.10',
    rule: 'refuses CONTINUATION on stream 0',
    send: [rawFrame(0x9, END_HEADERS, 0)],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.10',
    rule: 'refuses CONTINUATION without a block',
    given: 'open',
    send: [rawFrame(0x9, END_HEADERS, 1)],
    back: BROKEN_AT_1('PROTOCOL_ERROR'),
  },
  {
    section: '6.10',
    rule: 'refuses CONTINUATION after END_HEADERS',
    send: [raw.connect(1, 'refuser:1'), rawFrame(0x9, END_HEADERS, 1)],
    back: [...REFUSED, ...BROKEN_AT_1('PROTOCOL_ERROR')],
  },
  {
    section: '6.10',
    rule: 'refuses CONTINUATION of another stream',
    send: [rawFrame(0x1, 0, 1, connectBlock), rawFrame(0x9, END_HEADERS, 3)],
    back: BROKEN('PROTOCOL_ERROR'),
  },
  {
    section: '6.10',
    rule: 'refuses HEADERS within a block',
    send: [rawFrame(0x1, 0, 1, connectBlock), raw.connect(3)],
    back: BROKEN('PROTOCOL_ERROR'),
  },
]);

serverCases('7 error codes', [
  {
    section: '7',
    rule: 'takes unknown error codes for an error, not for a clean end',
    given: 'open',
    send: [raw.rstStream(1, 0xdeadbeef)],
    back: [],
    seen: [`closed reset by peer ${0xdeadbeef}`],
  },
]);

clientCases('6.5 SETTINGS', [
  {
    section: '6.5.2',
    rule: 'refuses ENABLE_PUSH 1 from a server',
    send: [raw.settings([2, 1])],
    back: BROKEN('PROTOCOL_ERROR'),
    seen: ['fault TUNNEL_LOST'],
  },
  { section: '6.5.2', rule: 'takes ENABLE_PUSH 0', send: [raw.settings([2, 0])], back: ['SETTINGS ACK'], seen: [] },
]);

clientCases('6.6 PUSH_PROMISE', [
  {
    section: '6.6',
    rule: 'refuses PUSH_PROMISE, having set ENABLE_PUSH 0',
    given: 'a tunnel',
    send: [rawFrame(0x5, END_HEADERS, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), connectBlock]))],
    back: BROKEN('PROTOCOL_ERROR'),
    seen: ['closed lost'],
  },
]);

clientCases('6.8 GOAWAY', [
  {
    section: '6.8',
    rule: 'keeps its tunnels after GOAWAY and leaves with the last',
    given: 'a tunnel',
    send: [raw.goAway(1, 0), raw.data(1, 'a'), raw.rstStream(1, 8)],
    back: ['GOAWAY 0 NO_ERROR', 'closed'],
    seen: ['data a', 'closed clean'],
  },
  {
    section: '6.8',
    rule: 'knows a CONNECT above the last identifier as unprocessed',
    send: [raw.goAway(0, 0)],
    back: ['GOAWAY 0 NO_ERROR', 'closed'],
    seen: ['fault TUNNEL_REFUSED'],
  },
]);
