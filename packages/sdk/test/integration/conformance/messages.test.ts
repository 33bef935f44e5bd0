/**
 * RFC 9113 section 8: messages, fields, and CONNECT (8.5) with what its ends and resets mean to the application. Server
 * role.
 */
import { serverCases } from '../../support/conformance/run.js';
import { raw, rawFrame } from '../../support/raw-frames.js';
import { hpack } from '../../support/raw-hpack.js';

const END_STREAM = 0x1;
const END_HEADERS = 0x4;

const REFUSED = ['HEADERS 1 503 END_STREAM', 'RST_STREAM 1 NO_ERROR'];
const BAD_REQUEST = ['HEADERS 1 400 END_STREAM', 'RST_STREAM 1 NO_ERROR'];
const MALFORMED = ['RST_STREAM 1 PROTOCOL_ERROR'];

/** A request written field by field. */
const request = (...fields: readonly Uint8Array[]) => [rawFrame(0x1, END_HEADERS, 1, Buffer.concat(fields))];
const { literal } = hpack;
const CONNECT = hpack.connect('refuser:1');
const METHOD = literal(':method', 'CONNECT');
const AUTHORITY = literal(':authority', 'refuser:1');

serverCases('8.1 message framing', [
  {
    section: '8.1',
    rule: 'takes trailers as the end of the client, and not as bytes',
    given: 'open',
    send: [raw.data(1, 'a'), raw.headers(1, [['grpc-status', '0']], END_STREAM)],
    back: ['DATA 1 "a" END_STREAM'],
    seen: ['data a', 'end', 'closed clean'],
  },
  {
    section: '8.1',
    rule: 'refuses trailers without END_STREAM',
    given: 'open',
    send: [raw.headers(1, [['x', 'y']])],
    back: MALFORMED,
  },
  {
    section: '8.1',
    rule: 'refuses trailers with pseudo-header fields',
    given: 'open',
    send: [
      raw.headers(
        1,
        [
          [':method', 'CONNECT'],
          [':authority', 'echo:1'],
        ],
        END_STREAM,
      ),
    ],
    back: MALFORMED,
  },
  {
    section: '8.1',
    rule: 'asks a client to stop with RST_STREAM NO_ERROR when its answer is complete',
    send: [raw.connect(1, 'refuser:1'), raw.data(1, 'never read')],
    back: REFUSED,
  },
  {
    section: '8.1',
    rule: 'needs not ask a client that has ended',
    send: [raw.connectEnded(1, 'refuser:1')],
    back: ['HEADERS 1 503 END_STREAM'],
  },
  {
    section: '8.1.1',
    rule: 'resets a malformed request, and the connection lives on',
    send: [...request(CONNECT, literal('Upper', 'x')), raw.connect(3, 'refuser:1')],
    back: [...MALFORMED, 'HEADERS 3 503 END_STREAM', 'RST_STREAM 3 NO_ERROR'],
  },
]);

serverCases('8.2 fields', [
  ...[
    ['upper case in names', 'X-Up', 'x'],
    ['an empty name', '', 'x'],
    ['a space in names', 'a b', 'x'],
    ['a colon in names', 'a:b', 'x'],
    ['control characters in names', 'a\x7f', 'x'],
    ['bytes over 0x7f in names', 'a\xff', 'x'],
    ['NUL in values', 'a', 'x\0y'],
    ['CR in values', 'a', 'x\ry'],
    ['LF in values', 'a', 'x\ny'],
    ['a space before a value', 'a', ' x'],
    ['a tab behind a value', 'a', 'x\t'],
  ].map(([what, name = '', value = '']) => ({
    section: '8.2.1',
    rule: `refuses ${what}`,
    send: request(CONNECT, literal(name, value)),
    back: MALFORMED,
  })),
  {
    section: '8.2.1',
    rule: 'takes other bytes in values',
    send: request(CONNECT, literal('a', 'x y\xe9')),
    back: REFUSED,
  },
  { section: '8.2.1', rule: 'takes empty values', send: request(CONNECT, literal('a', '')), back: REFUSED },
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) => ({
    section: '8.2.2',
    rule: `refuses ${name}`,
    send: request(CONNECT, literal(name, 'x')),
    back: MALFORMED,
  })),
  { section: '8.2.2', rule: 'takes te: trailers', send: request(CONNECT, literal('te', 'trailers')), back: REFUSED },
  {
    section: '8.2.2',
    rule: 'refuses te with anything else',
    send: request(CONNECT, literal('te', 'gzip')),
    back: MALFORMED,
  },
  {
    section: '8.2.3',
    rule: 'takes several cookie fields',
    send: request(CONNECT, literal('cookie', 'a=b'), literal('cookie', 'c=d')),
    back: REFUSED,
  },
]);

serverCases('8.3 pseudo-header fields', [
  {
    section: '8.3',
    rule: 'refuses one behind a regular field',
    send: request(METHOD, literal('a', 'b'), AUTHORITY),
    back: MALFORMED,
  },
  {
    section: '8.3',
    rule: 'refuses one that is unknown',
    send: request(CONNECT, literal(':nonsense', 'x')),
    back: MALFORMED,
  },
  {
    section: '8.3',
    rule: 'refuses one of answers',
    send: request(CONNECT, literal(':status', '200')),
    back: MALFORMED,
  },
  { section: '8.3', rule: 'refuses one twice: :method', send: request(METHOD, METHOD, AUTHORITY), back: MALFORMED },
  {
    section: '8.3',
    rule: 'refuses one twice: :authority',
    send: request(METHOD, AUTHORITY, AUTHORITY),
    back: MALFORMED,
  },
  {
    section: '8.3.1',
    rule: 'refuses GET without :path',
    send: request(literal(':method', 'GET'), literal(':scheme', 'http'), AUTHORITY),
    back: MALFORMED,
  },
  {
    section: '8.3.1',
    rule: 'refuses GET without :scheme',
    send: request(literal(':method', 'GET'), literal(':path', '/'), AUTHORITY),
    back: MALFORMED,
  },
  {
    section: '8.3.1',
    rule: 'refuses :path without :method',
    send: request(literal(':scheme', 'http'), literal(':path', '/'), AUTHORITY),
    back: MALFORMED,
  },
  {
    section: '8.3.1',
    rule: 'answers 400 to a well-formed GET: only CONNECT is served here (hbone §10.server.4)',
    send: request(literal(':method', 'GET'), literal(':scheme', 'http'), literal(':path', '/'), AUTHORITY),
    back: BAD_REQUEST,
  },
  {
    section: '8.3.1',
    rule: 'answers 400 to user information in :authority',
    send: request(METHOD, literal(':authority', 'user@refuser:1')),
    back: BAD_REQUEST,
  },
]);

serverCases('8.4 server push', [
  {
    section: '8.4',
    rule: 'refuses push from a client',
    send: [rawFrame(0x5, END_HEADERS, 1, Buffer.alloc(4))],
    back: ['GOAWAY 0 PROTOCOL_ERROR', 'closed'],
  },
]);

serverCases('8.5 CONNECT', [
  { section: '8.5', rule: 'takes :method and :authority alone', send: request(CONNECT), back: REFUSED },
  { section: '8.5', rule: 'refuses :path', send: request(CONNECT, literal(':path', '/')), back: MALFORMED },
  { section: '8.5', rule: 'refuses :scheme', send: request(CONNECT, literal(':scheme', 'https')), back: MALFORMED },
  {
    section: 'RFC 8441 4',
    rule: 'refuses :protocol, which was never allowed',
    send: request(CONNECT, literal(':protocol', 'websocket')),
    back: MALFORMED,
  },
  { section: '8.5', rule: 'answers 400 without :authority', send: request(METHOD), back: BAD_REQUEST },
  ...['echo', 'echo:', 'echo:0', 'echo:65536', 'echo:x', '[::1]', '::1:80', ':80', ''].map((authority) => ({
    section: '8.5',
    rule: `answers 400 to the authority "${authority}"`,
    send: request(METHOD, literal(':authority', authority)),
    back: BAD_REQUEST,
  })),
  ...['10.0.0.1:80', '[2001:db8::1]:80', 'reviews.shop.svc.cluster.local:9080'].map((authority) => ({
    section: '8.5',
    rule: `asks for the authority "${authority}"`,
    send: request(METHOD, literal(':authority', authority)),
    // Nobody of that name lives behind this server.
    back: ['HEADERS 1 404 END_STREAM', 'RST_STREAM 1 NO_ERROR'],
  })),
  {
    section: '8.5',
    rule: 'reads no content-length',
    given: 'nothing but the handshake',
    send: [raw.connect(1, 'echo:1', [['content-length', '1']]), raw.data(1, 'abc')],
    back: ['HEADERS 1 200', 'DATA 1 "abc"'],
  },
  {
    section: '8.5',
    rule: 'END_STREAM of the client is an end, and the server goes on speaking',
    given: 'open, unanswered',
    send: [raw.connect(3, 'echo:1'), raw.data(3, 'last words', END_STREAM)],
    back: ['HEADERS 3 200', 'DATA 3 "last words" END_STREAM'],
    seen: ['data last words', 'end', 'closed clean'],
  },
  {
    section: '8.5',
    rule: 'END_STREAM of the server is an end, and the client goes on speaking',
    given: 'half-closed (local)',
    send: [raw.data(1, 'still here', END_STREAM)],
    back: [],
    seen: ['data still here', 'end', 'closed clean'],
  },
  // What a reset means to the application is h2's reading, hence ztunnel's (hbone §10.server.6).
  {
    section: '8.5',
    rule: 'RST_STREAM NO_ERROR is an orderly end',
    given: 'open',
    send: [raw.rstStream(1, 0x0)],
    back: [],
    seen: ['closed clean'],
  },
  {
    section: '8.5',
    rule: 'RST_STREAM CANCEL is an orderly end',
    given: 'open',
    send: [raw.rstStream(1, 0x8)],
    back: [],
    seen: ['closed clean'],
  },
  {
    section: '8.5',
    rule: 'RST_STREAM CONNECT_ERROR is a broken connection',
    given: 'open',
    send: [raw.rstStream(1, 0xa)],
    back: [],
    seen: ['closed reset by peer 10'],
  },
  {
    section: '8.5',
    rule: 'RST_STREAM INTERNAL_ERROR is a broken connection',
    given: 'open',
    send: [raw.rstStream(1, 0x2)],
    back: [],
    seen: ['closed reset by peer 2'],
  },
  {
    section: '8.5',
    rule: 'an application that breaks off resets its stream',
    send: [raw.connect(1, 'resetter:1')],
    back: ['HEADERS 1 200', 'RST_STREAM 1 INTERNAL_ERROR'],
    seen: ['closed reset by local 2'],
  },
]);

serverCases('10.5 denial of service', [
  {
    section: '10.5.1',
    rule: 'answers 431 to a field section over SETTINGS_MAX_HEADER_LIST_SIZE (hbone §10.server.3)',
    send: [raw.connect(1, 'echo:1', [['x', 'y'.repeat(65_536)]]), raw.connect(3, 'refuser:1')],
    back: ['HEADERS 1 431 END_STREAM', 'RST_STREAM 1 NO_ERROR', 'HEADERS 3 503 END_STREAM', 'RST_STREAM 3 NO_ERROR'],
  },
]);
