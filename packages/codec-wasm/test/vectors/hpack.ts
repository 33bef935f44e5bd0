/**
 * HPACK: every example of RFC 7541 appendix C as HEADERS frames, then what a decoder must refuse and what it must
 * not mind. Name ids are positions in NAMES.
 */
import type { Entry } from '../support/log.js';
import { error, type FrameVector, headers, PREFACE, SETTINGS, settings } from './vector.js';

const COMPRESSION_ERROR = 9;
const OPEN = `${PREFACE} ${SETTINGS}`;

/** HEADERS with END_HEADERS around a block. */
function block(streamId: number, bytes: string): string {
  const length = bytes.replace(/[^0-9a-f]/g, '').length / 2;
  return `${length.toString(16).padStart(6, '0')} 01 04 ${streamId.toString(16).padStart(8, '0')} ${bytes} `;
}

const get: [string, string, number][] = [
  [':method', 'GET', 0],
  [':scheme', 'http', 1],
  [':path', '/', 2],
  [':authority', 'www.example.com', 3],
];

const requests: Entry[] = [
  settings,
  headers(1, false, get),
  headers(3, false, [...get, ['cache-control', 'no-cache', -1]]),
  headers(5, false, [
    [':method', 'GET', 0],
    [':scheme', 'https', 1],
    [':path', '/index.html', 2],
    [':authority', 'www.example.com', 3],
    ['custom-key', 'custom-value', -1],
  ]),
];

const DATE = 'Mon, 21 Oct 2013 20:13:21 GMT';
const common: [string, string, number][] = [
  ['cache-control', 'private', -1],
  ['date', DATE, -1],
  ['location', 'https://www.example.com', -1],
];

const responses: Entry[] = [
  settings,
  headers(1, false, [[':status', '302', 4], ...common]),
  headers(3, false, [[':status', '307', 4], ...common]),
  headers(5, false, [
    [':status', '200', 4],
    ['cache-control', 'private', -1],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT', -1],
    ['location', 'https://www.example.com', -1],
    ['content-encoding', 'gzip', -1],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1', -1],
  ]),
];

/** The responses of appendix C use a table of 256 bytes, which here has to be announced by a size update. */
const TABLE_256 = '3fe101';

export const appendixC: readonly FrameVector[] = [
  {
    title: 'C.1.1 and C.1.2: 10 and 1337 with a prefix of five bits, as size updates; C.1.3: 42 as an index is none',
    role: 'client',
    bytes: SETTINGS + block(1, '2a 3f9a0a 88') + block(3, 'aa'),
    expected: [settings, headers(1, false, [[':status', '200', 4]]), headers(3, false, [['if-range', '', -1]])],
  },
  {
    title: 'C.2.1: a literal with indexing, which the next block refers to',
    role: 'client',
    bytes: SETTINGS + block(1, '400a 637573746f6d2d6b6579 0d 637573746f6d2d686561646572') + block(3, 'be'),
    expected: [
      settings,
      headers(1, false, [['custom-key', 'custom-header', -1]]),
      headers(3, false, [['custom-key', 'custom-header', -1]]),
    ],
  },
  {
    title: 'C.2.2: a literal without indexing leaves no entry behind',
    role: 'server',
    bytes: OPEN + block(1, '82 86 04 0c 2f73616d706c652f70617468') + block(3, 'be'),
    expected: [
      settings,
      headers(1, false, [
        [':method', 'GET', 0],
        [':scheme', 'http', 1],
        [':path', '/sample/path', 2],
      ]),
      error('HPACK_INDEX', COMPRESSION_ERROR, 'RFC 7541 2.3.3'),
    ],
  },
  {
    title: 'C.2.3: a literal never indexed leaves no entry behind',
    role: 'client',
    bytes: SETTINGS + block(1, '1008 70617373776f7264 06 736563726574') + block(3, 'be'),
    expected: [
      settings,
      headers(1, false, [['password', 'secret', -1]]),
      error('HPACK_INDEX', COMPRESSION_ERROR, 'RFC 7541 2.3.3'),
    ],
  },
  {
    title: 'C.2.4: an indexed field',
    role: 'server',
    bytes: OPEN + block(1, '82 84 87'),
    expected: [
      settings,
      headers(1, false, [
        [':method', 'GET', 0],
        [':path', '/', 2],
        [':scheme', 'https', 1],
      ]),
    ],
  },
  {
    title: 'C.3: three requests in plain text',
    role: 'server',
    bytes:
      OPEN +
      block(1, '828684 410f 7777772e6578616d706c652e636f6d') +
      block(3, '828684be 5808 6e6f2d6361636865') +
      block(5, '828785bf 400a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565'),
    expected: requests,
  },
  {
    title: 'C.4: the same requests in Huffman code',
    role: 'server',
    bytes:
      OPEN +
      block(1, '828684 418c f1e3c2e5f23a6ba0ab90f4ff') +
      block(3, '828684be 5886 a8eb10649cbf') +
      block(5, '828785bf 4088 25a849e95ba97d7f 89 25a849e95bb8e8b4bf'),
    expected: requests,
  },
  {
    title: 'C.5: three responses in plain text, with a table that evicts',
    role: 'client',
    tableSize: 256,
    bytes:
      SETTINGS +
      block(
        1,
        `${TABLE_256} 4803 333032 5807 70726976617465 611d 4d6f6e2c203231204f637420323031332032303a31333a323120474d54
         6e17 68747470733a2f2f7777772e6578616d706c652e636f6d`,
      ) +
      block(3, '4803 333037 c1c0bf') +
      block(
        5,
        `88c1 611d 4d6f6e2c203231204f637420323031332032303a31333a323220474d54 c0 5a04 677a6970
         7738 666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
      ),
    expected: responses,
  },
  {
    title: 'C.6: the same responses in Huffman code',
    role: 'client',
    tableSize: 256,
    bytes:
      SETTINGS +
      block(
        1,
        `${TABLE_256} 4882 6402 5885 aec3771a4b 6196 d07abe941054d444a8200595040b8166e082a62d1bff
         6e91 9d29ad171863c78f0b97c8e9ae82ae43d3`,
      ) +
      block(3, '4883 640eff c1c0bf') +
      block(
        5,
        `88c1 6196 d07abe941054d444a8200595040b8166e084a62d1bff c0 5a83 9bd9ab
         77ad 94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
      ),
    expected: responses,
  },
];

function broken(title: string, bytes: string, code: string, section: string, tableSize = 4096): FrameVector {
  return {
    title: `${title} is ${code}`,
    role: 'client',
    tableSize,
    bytes: SETTINGS + block(1, bytes),
    expected: [settings, error(code, COMPRESSION_ERROR, section)],
  };
}

export const brokenBlocks: readonly FrameVector[] = [
  broken('index 0', '80', 'HPACK_INDEX', 'RFC 7541 2.3.3'),
  broken('an index behind the static table while the dynamic one is empty', 'be', 'HPACK_INDEX', 'RFC 7541 2.3.3'),
  broken('a name index outside the tables', '7f00 00', 'HPACK_INDEX', 'RFC 7541 2.3.3'),
  broken('an integer of six bytes more', 'ff 8080808080 00', 'HPACK_INTEGER', 'RFC 7541 5.1'),
  broken('an integer over 2^31', 'ff ffffffff 7f', 'HPACK_INTEGER', 'RFC 7541 5.1'),
  broken('an integer that breaks off', 'ff80', 'HPACK_TRUNCATED', 'RFC 7541 6'),
  broken('a literal without its value', '00 01 61', 'HPACK_TRUNCATED', 'RFC 7541 6'),
  broken('a string longer than the block', '00 7e 61', 'HPACK_TRUNCATED', 'RFC 7541 6'),
  broken('Huffman padding of zeros', '00 81 18 00', 'HPACK_HUFFMAN_PADDING', 'RFC 7541 5.2'),
  broken('Huffman padding of a whole byte', '00 82 f8ff 00', 'HPACK_HUFFMAN_PADDING', 'RFC 7541 5.2'),
  broken('Huffman padding of more than a byte', '00 82 1fff 00', 'HPACK_HUFFMAN_PADDING', 'RFC 7541 5.2'),
  broken('EOS within a string', '00 84 fffffffc 00', 'HPACK_HUFFMAN_EOS', 'RFC 7541 5.2'),
  broken('a size update behind a field', '88 20', 'HPACK_TABLE_UPDATE_LATE', 'RFC 7541 4.2'),
  broken('a size update over the limit', '3fe21f', 'HPACK_TABLE_UPDATE_TOO_LARGE', 'RFC 7541 6.3'),
  broken('no size update when the limit was lowered', '88', 'HPACK_TABLE_UPDATE_MISSING', 'RFC 9113 4.3.1', 0),
  broken('a size update over the lowered limit', '3f01', 'HPACK_TABLE_UPDATE_TOO_LARGE', 'RFC 7541 6.3', 16),
];

const OK = headers(1, false, [[':status', '200', 4]]);

export const toleratedBlocks: readonly FrameVector[] = [
  {
    title: 'two size updates at the start of a block are taken (RFC 7541 4.2)',
    role: 'client',
    tableSize: 0,
    bytes: SETTINGS + block(1, '20 20 88'),
    expected: [settings, OK],
  },
  {
    title: 'a field larger than the table empties it and is reported all the same (RFC 7541 4.4)',
    role: 'client',
    tableSize: 64,
    bytes: SETTINGS + block(1, `3f21 40 01 61 01 62 40 01 63 21 ${'64'.repeat(33)}`) + block(3, 'be'),
    expected: [
      settings,
      headers(1, false, [
        ['a', 'b', -1],
        ['c', 'd'.repeat(33), -1],
      ]),
      error('HPACK_INDEX', COMPRESSION_ERROR, 'RFC 7541 2.3.3'),
    ],
  },
  {
    title: 'a field exactly as large as the table is kept (RFC 7541 4.4)',
    role: 'client',
    tableSize: 64,
    bytes: SETTINGS + block(1, `3f21 40 01 63 1f ${'64'.repeat(31)}`) + block(3, 'be'),
    expected: [
      settings,
      headers(1, false, [['c', 'd'.repeat(31), -1]]),
      headers(3, false, [['c', 'd'.repeat(31), -1]]),
    ],
  },
  {
    title: 'fields that fill the table to its last byte evict nothing (RFC 7541 4.4)',
    role: 'client',
    tableSize: 68,
    bytes: SETTINGS + block(1, '3f25 40 01 61 01 62 40 01 63 01 64') + block(3, 'bf be'),
    expected: [
      settings,
      headers(1, false, [
        ['a', 'b', -1],
        ['c', 'd', -1],
      ]),
      headers(3, false, [
        ['a', 'b', -1],
        ['c', 'd', -1],
      ]),
    ],
  },
  {
    title: 'a block at its compressed limit is taken (RFC 9113 10.5.1)',
    role: 'client',
    limits: { maxHeaderBlockSize: 2 },
    bytes: `${SETTINGS} 000001 01 00 00000001 88 000001 09 04 00000001 8f`,
    expected: [
      settings,
      headers(1, false, [
        [':status', '200', 4],
        ['accept-charset', '', -1],
      ]),
    ],
  },
  {
    title: 'a name may come from the very entry that its field evicts (RFC 7541 4.4)',
    role: 'client',
    tableSize: 64,
    bytes: SETTINGS + block(1, '3f21 40 01 61 01 62 7e 01 63') + block(3, 'be'),
    expected: [
      settings,
      headers(1, false, [
        ['a', 'b', -1],
        ['a', 'c', -1],
      ]),
      headers(3, false, [['a', 'c', -1]]),
    ],
  },
  {
    title: 'an integer may be padded with zeros within five bytes (RFC 7541 5.1)',
    role: 'client',
    bytes: SETTINGS + block(1, '88 0f 8080808000 00'),
    expected: [
      settings,
      headers(1, false, [
        [':status', '200', 4],
        ['accept-charset', '', -1],
      ]),
    ],
  },
  {
    title: 'a list at its limit is taken (RFC 9113 6.5.2)',
    role: 'client',
    limits: { maxHeaderListSize: 42 },
    bytes: SETTINGS + block(1, '88'),
    expected: [settings, OK],
  },
  {
    title: 'a list over its limit is refused and leaves the table in step (RFC 9113 10.5.1)',
    role: 'client',
    limits: { maxHeaderListSize: 41 },
    bytes: SETTINGS + block(1, '88 40 01 61 01 62') + block(3, 'be'),
    expected: [
      settings,
      {
        event: 'headers',
        streamId: 1,
        endStream: false,
        refused: true,
        fields: [],
        baggage: { malformed: false, values: {} },
        target: { kind: 0, ipv4: 0, port: 0, host: '', hasPeer: false },
      },
      headers(3, false, [['a', 'b', -1]]),
    ],
  },
];

/** Fields of a block, and the rule they break. All are literals without indexing. */
function malformed(
  role: 'client' | 'server',
  title: string,
  fields: readonly [name: string, value: string][],
  violation: string,
): FrameVector {
  const text = (value: string): string =>
    value.length.toString(16).padStart(2, '0') +
    Array.from(value, (character) => character.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  const bytes = fields.map(([name, value]) => `00 ${text(name)} ${text(value)}`).join(' ');
  return {
    title: `${title} is ${violation} and costs the stream only`,
    role,
    bytes: (role === 'server' ? OPEN : SETTINGS) + block(1, bytes) + block(3, '40 01 61 01 62') + block(5, 'be'),
    expected: [
      settings,
      { event: 'stream-error', streamId: 1, errorCode: 1, violation },
      headers(3, false, [['a', 'b', -1]]),
      headers(5, false, [['a', 'b', -1]]),
    ],
  };
}

const CONNECT: [string, string] = [':method', 'CONNECT'];
const STATUS: [string, string] = [':status', '200'];

export const malformedMessages: readonly FrameVector[] = [
  malformed('client', 'an upper case name', [STATUS, ['Server', 'x']], 'FIELD_NAME_INVALID'),
  malformed('client', 'an empty name', [STATUS, ['', 'x']], 'FIELD_NAME_INVALID'),
  malformed('client', 'a name with a space', [STATUS, ['a b', 'x']], 'FIELD_NAME_INVALID'),
  malformed('client', 'a name with a colon inside', [STATUS, ['a:b', 'x']], 'FIELD_NAME_INVALID'),
  malformed('client', 'a name with a byte over 0x7e', [STATUS, ['a\x7f', 'x']], 'FIELD_NAME_INVALID'),
  malformed('client', 'a value with NUL', [STATUS, ['a', 'x\0y']], 'FIELD_VALUE_INVALID'),
  malformed('client', 'a value with LF', [STATUS, ['a', 'x\ny']], 'FIELD_VALUE_INVALID'),
  malformed('client', 'a value with CR', [STATUS, ['a', 'x\ry']], 'FIELD_VALUE_INVALID'),
  malformed('client', 'a value that starts with a space', [STATUS, ['a', ' x']], 'FIELD_VALUE_INVALID'),
  malformed('client', 'a value that ends with a tab', [STATUS, ['a', 'x\t']], 'FIELD_VALUE_INVALID'),
  ...['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'].map((name) =>
    malformed('client', name, [STATUS, [name, 'x']], 'FIELD_CONNECTION_SPECIFIC'),
  ),
  malformed('server', 'te with another value than trailers', [CONNECT, ['te', 'gzip']], 'FIELD_CONNECTION_SPECIFIC'),
  malformed('server', 'an unknown pseudo-header field', [CONNECT, [':protocol', 'websocket']], 'PSEUDO_INVALID'),
  malformed('server', ':status in a request', [CONNECT, STATUS], 'PSEUDO_INVALID'),
  malformed('client', ':method in a response', [STATUS, CONNECT], 'PSEUDO_INVALID'),
  malformed('client', ':status twice', [STATUS, STATUS], 'PSEUDO_REPEATED'),
  malformed('server', 'a pseudo-header field behind a regular one', [['a', 'b'], CONNECT], 'PSEUDO_AFTER_REGULAR'),
  malformed('server', 'a request without a method', [[':path', '/']], 'REQUEST_INCOMPLETE'),
  malformed(
    'server',
    'a GET without a path',
    [
      [':method', 'GET'],
      [':scheme', 'http'],
    ],
    'REQUEST_INCOMPLETE',
  ),
  malformed('server', 'CONNECT with a path', [CONNECT, [':authority', 'a:1'], [':path', '/']], 'CONNECT_WITH_TARGET'),
  malformed('server', 'CONNECT with a scheme', [CONNECT, [':scheme', 'http']], 'CONNECT_WITH_TARGET'),
];

export const wellFormedMessages: readonly FrameVector[] = [
  {
    title: 'te: trailers, high bytes in a value and trailers without pseudo-header fields are well formed',
    role: 'server',
    bytes:
      OPEN + block(1, '42 07 434f4e4e454354 00 02 7465 08 747261696c657273 00 01 61 02 c3a9') + block(1, '00 01 61 00'),
    expected: [
      settings,
      headers(1, false, [
        [':method', 'CONNECT', 0],
        ['te', 'trailers', 7],
        ['a', '\xc3\xa9', -1],
      ]),
      headers(1, false, [['a', '', -1]]),
    ],
  },
];
