/** RFC 9113 section 4, and RFC 7541 as section 4.3 asks for it: frame format, frame size, field blocks. Server role. */

import { serverCases } from '../../support/conformance/run.js';
import { raw, rawFrame } from '../../support/raw-frames.js';
import { hpack } from '../../support/raw-hpack.js';

const DATA = 0x0;
const HEADERS = 0x1;
const CONTINUATION = 0x9;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;

/** A frame that announces more than it has: what follows it is never looked at. */
function announcing(length: number, type: number, streamId: number): Buffer {
  const frame = rawFrame(type, 0, streamId);
  frame.writeUIntBE(length, 0, 3);
  return frame;
}

function withReservedBit(frame: Buffer): Buffer {
  frame[5] = (frame[5] ?? 0) | 0x80;
  return frame;
}

const block = (streamId: number, bytes: Uint8Array, flags = END_HEADERS) => rawFrame(HEADERS, flags, streamId, bytes);
const REFUSED = (streamId: number) => [`HEADERS ${streamId} 503 END_STREAM`, `RST_STREAM ${streamId} NO_ERROR`];
const refuser = hpack.connect('refuser:1');

serverCases('frame format', [
  {
    section: '4.1',
    rule: 'ignores frames of unknown type on the connection',
    send: [rawFrame(0x16, 0, 0, Buffer.alloc(8))],
    back: [],
  },
  {
    section: '4.1',
    rule: 'ignores frames of unknown type on an idle stream',
    send: [rawFrame(0xff, 0xff, 7, Buffer.alloc(8))],
    back: [],
  },
  {
    section: '4.1',
    rule: 'ignores frames of unknown type on a stream',
    given: 'open',
    send: [rawFrame(0x16, 0, 1), raw.data(1, 'a')],
    back: ['DATA 1 "a"'],
  },
  {
    section: '4.1',
    rule: 'ignores flags that a frame does not define',
    send: [rawFrame(0x6, 0xfe, 0, Buffer.from('8 bytes!'))],
    back: ['PING ACK 8 bytes!'],
  },
  {
    section: '4.1',
    rule: 'ignores the reserved bit of the stream identifier',
    given: 'open',
    send: [withReservedBit(raw.data(1, 'a'))],
    back: ['DATA 1 "a"'],
  },
  {
    section: '4.2',
    rule: 'takes a frame of its whole SETTINGS_MAX_FRAME_SIZE',
    send: [rawFrame(0x16, 0, 0, Buffer.alloc(1_048_576))],
    back: [],
  },
  {
    section: '4.2',
    rule: 'refuses a larger DATA frame on its header alone',
    given: 'open',
    send: [announcing(1_048_577, DATA, 1)],
    back: ['GOAWAY 1 FRAME_SIZE_ERROR', 'closed'],
  },
  {
    section: '4.2',
    rule: 'refuses a larger HEADERS frame, which would put the field blocks out of step',
    send: [announcing(1_048_577, HEADERS, 1)],
    back: ['GOAWAY 0 FRAME_SIZE_ERROR', 'closed'],
  },
  {
    section: '4.2',
    rule: 'refuses a larger frame of unknown type',
    send: [announcing(16_777_215, 0x16, 0)],
    back: ['GOAWAY 0 FRAME_SIZE_ERROR', 'closed'],
  },
]);

serverCases('field blocks', [
  {
    section: '4.3',
    rule: 'takes a block cut into HEADERS and CONTINUATION at any byte',
    send: [
      block(1, refuser.subarray(0, 1), 0),
      ...Array.from({ length: 14 }, (_, at) => rawFrame(CONTINUATION, 0, 1, refuser.subarray(at + 1, at + 2))),
      rawFrame(CONTINUATION, END_HEADERS, 1, refuser.subarray(15)),
    ],
    back: REFUSED(1),
  },
  {
    section: '4.3',
    rule: 'takes an empty HEADERS that CONTINUATION fills',
    send: [block(1, Buffer.alloc(0), 0), rawFrame(CONTINUATION, END_HEADERS, 1, refuser)],
    back: REFUSED(1),
  },
  {
    section: '4.3',
    rule: 'takes END_STREAM from HEADERS, not from CONTINUATION',
    send: [
      block(1, Buffer.alloc(0), 0),
      rawFrame(CONTINUATION, END_HEADERS | END_STREAM, 1, hpack.connect('echo:1')),
      raw.data(1, 'a'),
    ],
    back: ['HEADERS 1 200', 'DATA 1 "a"'],
  },
  {
    section: '4.3',
    rule: 'treats a block that cannot be decoded as an error of the connection',
    send: [block(1, Buffer.of(0x40, 0x01))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: '4.3',
    rule: 'decodes the block of a request that it refuses, so that the tables stay in step',
    send: [
      block(1, Buffer.concat([hpack.indexing('x-kept', 'y'), hpack.literal(':method', 'CONNECT')])),
      // Index 62 is the field of the refused request.
      block(3, Buffer.concat([refuser, hpack.indexed(62)])),
    ],
    back: ['RST_STREAM 1 PROTOCOL_ERROR', ...REFUSED(3)],
  },
  {
    section: '4.3.1',
    rule: 'takes table size updates at the start of a block',
    send: [block(1, Buffer.concat([hpack.resize(0), hpack.resize(4096), refuser]))],
    back: REFUSED(1),
  },
]);

serverCases('HPACK', [
  {
    section: 'RFC 7541 2.3.3',
    rule: 'refuses index 0',
    send: [block(1, hpack.indexed(0))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 2.3.3',
    rule: 'refuses an index beyond both tables',
    send: [block(1, hpack.indexed(62))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 4.2',
    rule: 'refuses a table size update behind a field',
    send: [block(1, Buffer.concat([refuser, hpack.resize(0)]))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 4.4',
    rule: 'empties its table for a field larger than the table, and decodes on',
    send: [
      block(1, Buffer.concat([hpack.resize(40), refuser, hpack.indexing('a', 'b')])),
      block(3, Buffer.concat([refuser, hpack.indexing('longer', 'than eight')])),
      block(5, Buffer.concat([refuser, hpack.indexed(62)])),
    ],
    back: [...REFUSED(1), ...REFUSED(3), 'GOAWAY 3 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 5.1',
    rule: 'refuses an integer without end',
    send: [block(1, Buffer.of(0xff, ...Array<number>(12).fill(0xff)))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 5.2',
    rule: 'refuses Huffman padding that is not all ones',
    // "o" is 00111: three bits of padding follow, here zeros.
    send: [block(1, Buffer.of(0x00, 0x81, 0x38, 0x01, 0x61))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 5.2',
    rule: 'refuses Huffman padding longer than seven bits',
    send: [block(1, Buffer.of(0x00, 0x82, 0x3f, 0xff, 0x01, 0x61))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 5.2',
    rule: 'refuses the end-of-string symbol',
    send: [block(1, Buffer.of(0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
  {
    section: 'RFC 7541 6.2.3',
    rule: 'takes fields that must never be indexed',
    send: [block(1, Buffer.concat([refuser, hpack.never('authorization', 'secret')]))],
    back: REFUSED(1),
  },
  {
    section: 'RFC 7541 6.3',
    rule: 'refuses a table size update over SETTINGS_HEADER_TABLE_SIZE',
    send: [block(1, Buffer.concat([hpack.resize(4097), refuser]))],
    back: ['GOAWAY 0 COMPRESSION_ERROR', 'closed'],
  },
]);
