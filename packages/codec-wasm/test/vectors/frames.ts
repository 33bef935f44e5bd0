/** RFC 9113 sections 3.4 to 6.10 and 10.5, a rule at a time. Flags and types stand in hex as on the wire. */
import { error, type FrameVector, headers, PREFACE, SETTINGS, settings } from './vector.js';

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const FRAME_SIZE_ERROR = 6;
const ENHANCE_YOUR_CALM = 11;

/** `:status: 200`, indexed. */
const OK = headers(1, false, [[':status', '200', 4]]);

export const accepted: readonly FrameVector[] = [
  {
    title: 'a client opens with the preface and SETTINGS (3.4)',
    role: 'server',
    bytes: `${PREFACE} ${SETTINGS}`,
    expected: [settings],
  },
  {
    title: 'SETTINGS entries come in order, unknown ones included (6.5)',
    role: 'client',
    bytes: '000012 04 00 00000000 0003 000000c8 0004 00400000 abcd ffffffff',
    expected: [
      {
        event: 'settings',
        ack: false,
        entries: [
          [3, 200],
          [4, 4_194_304],
          [0xabcd, 0xffffffff],
        ],
      },
    ],
  },
  {
    title: 'two SETTINGS in one chunk keep their own entries, and the acknowledgement has none (6.5.3)',
    role: 'client',
    bytes: '000006 04 00 00000000 0001 00000000 000006 04 00 00000000 0001 00001000 000000 04 01 00000000',
    expected: [
      { event: 'settings', ack: false, entries: [[1, 0]] },
      { event: 'settings', ack: false, entries: [[1, 4096]] },
      { event: 'settings', ack: true, entries: [] },
    ],
  },
  {
    title: 'a client may allow push, a server ignores it (6.5.2)',
    role: 'server',
    bytes: `${PREFACE} 000006 04 00 00000000 0002 00000001`,
    expected: [{ event: 'settings', ack: false, entries: [[2, 1]] }],
  },
  {
    title: 'DATA is reported with its flow-controlled length (6.1)',
    role: 'client',
    bytes: `${SETTINGS} 000005 00 00 00000001 68656c6c6f 000000 00 01 00000001`,
    expected: [
      settings,
      { event: 'data', streamId: 1, payload: '68656c6c6f', flowBytes: 5, endStream: false },
      { event: 'data', streamId: 1, payload: '', flowBytes: 0, endStream: true },
    ],
  },
  {
    title: 'padding of DATA is charged to the window but not shown (6.1)',
    role: 'client',
    bytes: `${SETTINGS} 000006 00 09 00000003 03 6869 000000`,
    expected: [settings, { event: 'data', streamId: 3, payload: '6869', flowBytes: 6, endStream: true }],
  },
  {
    title: 'DATA may be all padding (6.1)',
    role: 'client',
    bytes: `${SETTINGS} 000003 00 08 00000001 02 0000`,
    expected: [settings, { event: 'data', streamId: 1, payload: '', flowBytes: 3, endStream: false }],
  },
  {
    title: 'the reserved bit of a stream id is ignored (4.1)',
    role: 'client',
    bytes: `${SETTINGS} 000001 00 00 80000001 61`,
    expected: [settings, { event: 'data', streamId: 1, payload: '61', flowBytes: 1, endStream: false }],
  },
  {
    title: 'HEADERS with padding and priority fields (6.2)',
    role: 'client',
    bytes: `${SETTINGS} 000009 01 2d 00000001 02 80000000 ff 88 0000`,
    expected: [settings, headers(1, true, [[':status', '200', 4]])],
  },
  {
    title: 'a header block over CONTINUATION frames, one of them empty, ends the stream as HEADERS said (6.10)',
    role: 'client',
    bytes: `${SETTINGS} 000000 01 01 00000001 000002 09 00 00000001 8840 000000 09 00 00000001
      000004 09 04 00000001 01 61 01 62`,
    expected: [
      settings,
      headers(1, true, [
        [':status', '200', 4],
        ['a', 'b', -1],
      ]),
    ],
  },
  {
    title: 'an empty header block is a message without fields (6.2)',
    role: 'client',
    bytes: `${SETTINGS} 000000 01 05 00000001`,
    expected: [settings, headers(1, true, [])],
  },
  {
    title: 'PRIORITY is checked and ignored, on idle and even streams too (6.3)',
    role: 'client',
    bytes: `${SETTINGS} 000005 02 00 00000002 00000000 10 000001 01 04 00000001 88`,
    expected: [settings, OK],
  },
  {
    title: 'PRIORITY of another length costs its stream only (6.3)',
    role: 'client',
    bytes: `${SETTINGS} 000004 02 00 00000005 00000000 000001 01 04 00000001 88`,
    expected: [
      settings,
      { event: 'stream-error', streamId: 5, errorCode: FRAME_SIZE_ERROR, violation: 'PRIORITY_LENGTH' },
      OK,
    ],
  },
  {
    title: 'RST_STREAM, PING, its answer, GOAWAY with debug data and WINDOW_UPDATE (6.4, 6.7, 6.8, 6.9)',
    role: 'client',
    bytes: `${SETTINGS} 000004 03 00 00000001 00000008 000008 06 00 00000000 0102030405060708
      000008 06 01 00000000 1112131415161718 00000b 07 00 00000000 80000005 ffffffff 627965
      000004 08 00 00000000 00ff0001 000004 08 00 00000003 ffffffff`,
    expected: [
      settings,
      { event: 'rst', streamId: 1, errorCode: 8 },
      { event: 'ping', ack: false, payload: '0102030405060708' },
      { event: 'ping', ack: true, payload: '1112131415161718' },
      { event: 'goaway', lastStreamId: 5, errorCode: 0xffffffff },
      { event: 'window', streamId: 0, increment: 0xff0001 },
      { event: 'window', streamId: 3, increment: 0x7fffffff },
    ],
  },
  {
    title: 'WINDOW_UPDATE of zero costs its stream only (6.9)',
    role: 'client',
    bytes: `${SETTINGS} 000004 08 00 00000003 80000000 000001 01 04 00000001 88`,
    expected: [
      settings,
      { event: 'stream-error', streamId: 3, errorCode: PROTOCOL_ERROR, violation: 'STREAM_WINDOW_UPDATE_ZERO' },
      OK,
    ],
  },
  {
    title: 'frames of unknown types are skipped, whatever their stream (4.1, 5.5)',
    role: 'client',
    bytes: `${SETTINGS} 000003 0a ff 00000002 aabbcc 000000 ff 00 00000000 000001 01 04 00000001 88`,
    expected: [settings, OK],
  },
  {
    title: 'sixteen CONTINUATION frames are the most that are taken by default',
    role: 'client',
    bytes: `${SETTINGS} 000001 01 00 00000001 88 ${'000000 09 00 00000001'.repeat(15)} 000000 09 04 00000001`,
    expected: [settings, OK],
  },
  {
    title: 'thirty-two SETTINGS entries are the most that are taken',
    role: 'client',
    bytes: `0000c0 04 00 00000000 ${'0003 00000001'.repeat(32)}`,
    expected: [{ event: 'settings', ack: false, entries: Array.from({ length: 32 }, (): [number, number] => [3, 1]) }],
  },
];

/** Each is refused; what came before it in the same chunk is still reported. */
const refusals: readonly (readonly [title: string, bytes: string, code: string, http2Code: number, section: string])[] =
  [
    ['HEADERS before SETTINGS', '000001 01 04 00000001 88', 'FIRST_FRAME_NOT_SETTINGS', PROTOCOL_ERROR, '3.4'],
    ['an acknowledgement first', '000000 04 01 00000000', 'FIRST_FRAME_NOT_SETTINGS', PROTOCOL_ERROR, '3.4'],
    ['an HTTP/1.1 response', '485454502f312e31203430300d0a', 'FIRST_FRAME_NOT_SETTINGS', PROTOCOL_ERROR, '3.4'],
    ['a frame of 16385 bytes', `${SETTINGS} 004001 00 00 00000001`, 'FRAME_TOO_LARGE', FRAME_SIZE_ERROR, '4.2'],
    ['padded DATA without a byte', `${SETTINGS} 000000 00 08 00000001`, 'FRAME_TOO_SHORT', FRAME_SIZE_ERROR, '4.2'],
    [
      'HEADERS too short for padding and priority',
      `${SETTINGS} 000005 01 2c 00000001 00`,
      'FRAME_TOO_SHORT',
      FRAME_SIZE_ERROR,
      '4.2',
    ],
    ['DATA on an even stream', `${SETTINGS} 000000 00 00 00000002`, 'STREAM_ID_EVEN', PROTOCOL_ERROR, '5.1.1'],
    ['HEADERS on an even stream', `${SETTINGS} 000001 01 04 00000004 88`, 'STREAM_ID_EVEN', PROTOCOL_ERROR, '5.1.1'],
    ['RST_STREAM on an even stream', `${SETTINGS} 000004 03 00 00000002`, 'STREAM_ID_EVEN', PROTOCOL_ERROR, '5.1.1'],
    ['WINDOW_UPDATE on an even stream', `${SETTINGS} 000004 08 00 00000002`, 'STREAM_ID_EVEN', PROTOCOL_ERROR, '5.1.1'],
    ['DATA on stream 0', `${SETTINGS} 000000 00 00 00000000`, 'DATA_ON_CONNECTION', PROTOCOL_ERROR, '6.1'],
    [
      'DATA padding as long as the frame',
      `${SETTINGS} 000002 00 08 00000001 02`,
      'DATA_PADDING',
      PROTOCOL_ERROR,
      '6.1',
    ],
    ['HEADERS on stream 0', `${SETTINGS} 000001 01 04 00000000 88`, 'HEADERS_ON_CONNECTION', PROTOCOL_ERROR, '6.2'],
    [
      'HEADERS padding over the frame',
      `${SETTINGS} 000002 01 0c 00000001 02`,
      'HEADERS_PADDING',
      PROTOCOL_ERROR,
      '6.2',
    ],
    [
      'HEADERS padding that priority fields leave no room for',
      `${SETTINGS} 000007 01 2c 00000001 02 0000000000`,
      'HEADERS_PADDING',
      PROTOCOL_ERROR,
      '6.2',
    ],
    ['PRIORITY on stream 0', `${SETTINGS} 000005 02 00 00000000`, 'PRIORITY_ON_CONNECTION', PROTOCOL_ERROR, '6.3'],
    ['RST_STREAM on stream 0', `${SETTINGS} 000004 03 00 00000000`, 'RST_STREAM_ON_CONNECTION', PROTOCOL_ERROR, '6.4'],
    ['RST_STREAM of 5 bytes', `${SETTINGS} 000005 03 00 00000001`, 'RST_STREAM_LENGTH', FRAME_SIZE_ERROR, '6.4'],
    ['SETTINGS on a stream', `${SETTINGS} 000000 04 00 00000001`, 'SETTINGS_ON_STREAM', PROTOCOL_ERROR, '6.5'],
    ['SETTINGS of 5 bytes', '000005 04 00 00000000', 'SETTINGS_LENGTH', FRAME_SIZE_ERROR, '6.5'],
    [
      'an acknowledgement with an entry',
      `${SETTINGS} 000006 04 01 00000000`,
      'SETTINGS_ACK_LENGTH',
      FRAME_SIZE_ERROR,
      '6.5',
    ],
    ['33 SETTINGS entries', '0000c6 04 00 00000000', 'SETTINGS_TOO_MANY', ENHANCE_YOUR_CALM, '10.5'],
    [
      'a server that allows push',
      '000006 04 00 00000000 0002 00000001',
      'SETTINGS_ENABLE_PUSH',
      PROTOCOL_ERROR,
      '6.5.2',
    ],
    [
      'a window of 2^31',
      '000006 04 00 00000000 0004 80000000',
      'SETTINGS_INITIAL_WINDOW_SIZE',
      FLOW_CONTROL_ERROR,
      '6.5.2',
    ],
    [
      'a frame size of 16383',
      '000006 04 00 00000000 0005 00003fff',
      'SETTINGS_MAX_FRAME_SIZE',
      PROTOCOL_ERROR,
      '6.5.2',
    ],
    [
      'a frame size of 2^24',
      '00000c 04 00 00000000 0003 00000001 0005 01000000',
      'SETTINGS_MAX_FRAME_SIZE',
      PROTOCOL_ERROR,
      '6.5.2',
    ],
    ['PUSH_PROMISE', `${SETTINGS} 000005 05 04 00000001`, 'PUSH_PROMISE_RECEIVED', PROTOCOL_ERROR, '8.4'],
    ['PING on a stream', `${SETTINGS} 000008 06 00 00000001`, 'PING_ON_STREAM', PROTOCOL_ERROR, '6.7'],
    ['PING of 7 bytes', `${SETTINGS} 000007 06 00 00000000`, 'PING_LENGTH', FRAME_SIZE_ERROR, '6.7'],
    ['GOAWAY on a stream', `${SETTINGS} 000008 07 00 00000001`, 'GOAWAY_ON_STREAM', PROTOCOL_ERROR, '6.8'],
    ['GOAWAY of 7 bytes', `${SETTINGS} 000007 07 00 00000000`, 'GOAWAY_LENGTH', FRAME_SIZE_ERROR, '6.8'],
    ['WINDOW_UPDATE of 3 bytes', `${SETTINGS} 000003 08 00 00000000`, 'WINDOW_UPDATE_LENGTH', FRAME_SIZE_ERROR, '6.9'],
    [
      'WINDOW_UPDATE of 0 on the connection',
      `${SETTINGS} 000004 08 00 00000000 00000000`,
      'WINDOW_UPDATE_ZERO',
      PROTOCOL_ERROR,
      '6.9',
    ],
    ['CONTINUATION alone', `${SETTINGS} 000000 09 04 00000001`, 'CONTINUATION_UNEXPECTED', PROTOCOL_ERROR, '6.10'],
    [
      'PING inside a header block',
      `${SETTINGS} 000001 01 00 00000001 88 000008 06 00 00000000`,
      'CONTINUATION_EXPECTED',
      PROTOCOL_ERROR,
      '6.10',
    ],
    [
      'an unknown frame inside a header block',
      `${SETTINGS} 000001 01 00 00000001 88 000000 ff 00 00000001`,
      'CONTINUATION_EXPECTED',
      PROTOCOL_ERROR,
      '6.10',
    ],
    [
      'CONTINUATION of another stream',
      `${SETTINGS} 000001 01 00 00000001 88 000000 09 04 00000003`,
      'CONTINUATION_EXPECTED',
      PROTOCOL_ERROR,
      '6.10',
    ],
    [
      'the 17th CONTINUATION',
      `${SETTINGS} 000000 01 00 00000001 ${'000000 09 00 00000001'.repeat(17)}`,
      'CONTINUATION_TOO_MANY',
      ENHANCE_YOUR_CALM,
      '10.5',
    ],
  ];

export const refused: readonly FrameVector[] = [
  ...refusals.map(
    ([title, bytes, code, http2Code, section]): FrameVector => ({
      title: `${title} is ${code} (${section})`,
      role: 'client',
      bytes,
      expected: [...(bytes.startsWith(SETTINGS) ? [settings] : []), error(code, http2Code, `RFC 9113 ${section}`)],
    }),
  ),
  {
    title: 'an HTTP/1.1 request is not the preface, and is refused at its first byte (3.4)',
    role: 'server',
    bytes: '47',
    expected: [error('BAD_PREFACE', PROTOCOL_ERROR, 'RFC 9113 3.4')],
  },
  {
    title: 'a preface that goes wrong at its end is refused (3.4)',
    role: 'server',
    bytes: `${PREFACE.slice(0, -2)} 0b`,
    expected: [error('BAD_PREFACE', PROTOCOL_ERROR, 'RFC 9113 3.4')],
  },
  {
    title: 'a client that speaks of push to a server in numbers is refused (6.5.2)',
    role: 'server',
    bytes: `${PREFACE} 000006 04 00 00000000 0002 00000002`,
    expected: [error('SETTINGS_ENABLE_PUSH', PROTOCOL_ERROR, 'RFC 9113 6.5.2')],
  },
  {
    title: 'a header block over its limit is refused on what HEADERS announces (10.5.1)',
    role: 'client',
    limits: { maxHeaderBlockSize: 10 },
    bytes: `${SETTINGS} 00000b 01 04 00000001`,
    expected: [settings, error('HEADER_BLOCK_TOO_LARGE', ENHANCE_YOUR_CALM, 'RFC 9113 10.5.1')],
  },
  {
    title: 'a header block over its limit is refused on what CONTINUATION announces (10.5.1)',
    role: 'client',
    limits: { maxHeaderBlockSize: 10 },
    bytes: `${SETTINGS} 000002 01 00 00000001 8888 000009 09 04 00000001`,
    expected: [settings, error('HEADER_BLOCK_TOO_LARGE', ENHANCE_YOUR_CALM, 'RFC 9113 10.5.1')],
  },
  {
    title: 'what came before a broken rule in the same chunk is reported first',
    role: 'client',
    bytes: `${SETTINGS} 000002 00 00 00000001 6869 000000 00 00 00000000`,
    expected: [
      settings,
      { event: 'data', streamId: 1, payload: '6869', flowBytes: 2, endStream: false },
      error('DATA_ON_CONNECTION', PROTOCOL_ERROR, 'RFC 9113 6.1'),
    ],
  },
];
