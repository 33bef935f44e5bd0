/**
 * Everything the codec refuses: one table from code to HTTP/2 error code and RFC section. Rows with a `fault` number
 * come from wasm (assembly/events.ts holds the same numbers; a test compares them), the others from the host side.
 */

/** RFC 9113 section 7. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** Whom a refusal costs: the peer's connection, one stream of it, or nobody but the caller who misused the codec. */
export type ErrorScope = 'connection' | 'stream' | 'caller';

export interface ErrorRow {
  readonly scope: ErrorScope;
  readonly http2: number;
  readonly section: string;
  readonly text: string;
  /** Number of the rule in wasm, 0 when only the host knows it. */
  readonly fault: number;
}

const { PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR, ENHANCE_YOUR_CALM } =
  ErrorCode;

function connection(fault: number, http2: number, section: string, text: string): ErrorRow {
  return { scope: 'connection', http2, section, text, fault };
}

function stream(fault: number, http2: number, section: string, text: string): ErrorRow {
  return { scope: 'stream', http2, section, text, fault };
}

function caller(http2: number, section: string, text: string): ErrorRow {
  return { scope: 'caller', http2, section, text, fault: 0 };
}

const rows = {
  BAD_PREFACE: connection(0, PROTOCOL_ERROR, 'RFC 9113 3.4', 'the client did not open with the HTTP/2 preface'),
  FIRST_FRAME_NOT_SETTINGS: connection(0, PROTOCOL_ERROR, 'RFC 9113 3.4', 'the first frame is not SETTINGS'),
  FRAME_TOO_LARGE: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 4.2', 'frame longer than our SETTINGS_MAX_FRAME_SIZE'),
  FRAME_TOO_SHORT: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 4.2', 'frame too short for the fields its flags announce'),
  STREAM_ID_EVEN: connection(
    0,
    PROTOCOL_ERROR,
    'RFC 9113 5.1.1',
    'even stream id, though no stream can be pushed here',
  ),
  DATA_ON_CONNECTION: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.1', 'DATA on stream 0'),
  DATA_PADDING: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.1', 'DATA padding longer than the frame'),
  HEADERS_ON_CONNECTION: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.2', 'HEADERS on stream 0'),
  HEADERS_PADDING: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.2', 'HEADERS padding longer than the frame'),
  PRIORITY_ON_CONNECTION: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.3', 'PRIORITY on stream 0'),
  PRIORITY_LENGTH: stream(0, FRAME_SIZE_ERROR, 'RFC 9113 6.3', 'PRIORITY frame not 5 bytes long'),
  RST_STREAM_ON_CONNECTION: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.4', 'RST_STREAM on stream 0'),
  RST_STREAM_LENGTH: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 6.4', 'RST_STREAM frame not 4 bytes long'),
  SETTINGS_ON_STREAM: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.5', 'SETTINGS on a stream'),
  SETTINGS_LENGTH: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 6.5', 'SETTINGS length not a multiple of 6'),
  SETTINGS_ACK_LENGTH: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 6.5', 'SETTINGS acknowledgement with a payload'),
  SETTINGS_TOO_MANY: connection(0, ENHANCE_YOUR_CALM, 'RFC 9113 10.5', 'more than 32 entries in a SETTINGS frame'),
  SETTINGS_ENABLE_PUSH: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.5.2', 'SETTINGS_ENABLE_PUSH with a forbidden value'),
  SETTINGS_INITIAL_WINDOW_SIZE: connection(
    0,
    FLOW_CONTROL_ERROR,
    'RFC 9113 6.5.2',
    'SETTINGS_INITIAL_WINDOW_SIZE over 2^31-1',
  ),
  SETTINGS_MAX_FRAME_SIZE: connection(
    0,
    PROTOCOL_ERROR,
    'RFC 9113 6.5.2',
    'SETTINGS_MAX_FRAME_SIZE outside 2^14 to 2^24-1',
  ),
  PUSH_PROMISE_RECEIVED: connection(0, PROTOCOL_ERROR, 'RFC 9113 8.4', 'PUSH_PROMISE, though push is off'),
  PING_ON_STREAM: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.7', 'PING on a stream'),
  PING_LENGTH: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 6.7', 'PING frame not 8 bytes long'),
  GOAWAY_ON_STREAM: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.8', 'GOAWAY on a stream'),
  GOAWAY_LENGTH: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 6.8', 'GOAWAY frame shorter than 8 bytes'),
  WINDOW_UPDATE_LENGTH: connection(0, FRAME_SIZE_ERROR, 'RFC 9113 6.9', 'WINDOW_UPDATE frame not 4 bytes long'),
  WINDOW_UPDATE_ZERO: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.9', 'WINDOW_UPDATE of 0 on the connection'),
  STREAM_WINDOW_UPDATE_ZERO: stream(0, PROTOCOL_ERROR, 'RFC 9113 6.9', 'WINDOW_UPDATE of 0 on a stream'),
  CONTINUATION_EXPECTED: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.10', 'another frame inside a header block'),
  CONTINUATION_UNEXPECTED: connection(0, PROTOCOL_ERROR, 'RFC 9113 6.10', 'CONTINUATION without an open header block'),
  CONTINUATION_TOO_MANY: connection(0, ENHANCE_YOUR_CALM, 'RFC 9113 10.5', 'too many CONTINUATION frames in a block'),
  HEADER_BLOCK_TOO_LARGE: connection(0, ENHANCE_YOUR_CALM, 'RFC 9113 10.5.1', 'compressed header block too large'),
  HEADER_LIST_TOO_LARGE: connection(49, ENHANCE_YOUR_CALM, 'RFC 9113 10.5.1', 'header list many times over our limit'),
  HPACK_TRUNCATED: connection(33, COMPRESSION_ERROR, 'RFC 7541 6', 'header block ends within a field'),
  HPACK_INTEGER: connection(34, COMPRESSION_ERROR, 'RFC 7541 5.1', 'integer too large or too long'),
  HPACK_INDEX: connection(35, COMPRESSION_ERROR, 'RFC 7541 2.3.3', 'index 0 or outside the tables'),
  HPACK_HUFFMAN_PADDING: connection(36, COMPRESSION_ERROR, 'RFC 7541 5.2', 'Huffman padding too long or not all ones'),
  HPACK_HUFFMAN_EOS: connection(37, COMPRESSION_ERROR, 'RFC 7541 5.2', 'EOS within a Huffman-coded string'),
  HPACK_TABLE_UPDATE_LATE: connection(38, COMPRESSION_ERROR, 'RFC 7541 4.2', 'table size update behind a field'),
  HPACK_TABLE_UPDATE_TOO_LARGE: connection(39, COMPRESSION_ERROR, 'RFC 7541 6.3', 'table size update over our limit'),
  HPACK_TABLE_UPDATE_MISSING: connection(
    40,
    COMPRESSION_ERROR,
    'RFC 9113 4.3.1',
    'no table size update after we lowered the limit',
  ),
  FIELD_NAME_INVALID: stream(41, PROTOCOL_ERROR, 'RFC 9113 8.2.1', 'field name with a forbidden character'),
  FIELD_VALUE_INVALID: stream(
    42,
    PROTOCOL_ERROR,
    'RFC 9113 8.2.1',
    'field value with NUL, CR or LF, or a space or tab at an end',
  ),
  FIELD_CONNECTION_SPECIFIC: stream(43, PROTOCOL_ERROR, 'RFC 9113 8.2.2', 'connection-specific field'),
  PSEUDO_INVALID: stream(44, PROTOCOL_ERROR, 'RFC 9113 8.3', 'pseudo-header field not allowed in this message'),
  PSEUDO_REPEATED: stream(45, PROTOCOL_ERROR, 'RFC 9113 8.3', 'pseudo-header field given twice'),
  PSEUDO_AFTER_REGULAR: stream(46, PROTOCOL_ERROR, 'RFC 9113 8.3', 'pseudo-header field after a regular field'),
  REQUEST_INCOMPLETE: stream(47, PROTOCOL_ERROR, 'RFC 9113 8.3.1', 'request without :method, :scheme or :path'),
  CONNECT_WITH_TARGET: stream(48, PROTOCOL_ERROR, 'RFC 9113 8.5', 'CONNECT with :scheme or :path'),

  SLOTS_EXHAUSTED: caller(
    ENHANCE_YOUR_CALM,
    'RFC 9113 10.5',
    'all decoder slots are leased: close a decoder or create the codec with more slots',
  ),
  BAGGAGE_TOO_LARGE: caller(ENHANCE_YOUR_CALM, 'RFC 9113 10.5.1', 'more than 128 KiB of baggage in one message'),
  INVALID_ARGUMENT: caller(INTERNAL_ERROR, 'RFC 9113 7', 'invalid argument'),
  SPAN_UNREAD: caller(INTERNAL_ERROR, 'RFC 9113 7', 'read() by a handler of a read(), or after one threw'),
  DECODER_CLOSED: caller(INTERNAL_ERROR, 'RFC 9113 7', 'read() on a closed decoder'),
  STALE_VIEW: caller(
    INTERNAL_ERROR,
    'RFC 9113 7',
    'view read after another message was decoded: copy what has to be kept',
  ),
} satisfies Record<string, ErrorRow>;

export type CodecErrorCode = keyof typeof rows;

/** Everything the codec refuses, by code. */
export const ERROR_TABLE: Readonly<Record<CodecErrorCode, ErrorRow>> = rows;

/** A broken rule. Match on `code`, which stays stable, rather than on the message. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly code: CodecErrorCode;
  /** What to send in GOAWAY or RST_STREAM (RFC 9113 section 7). */
  readonly http2Code: number;
  /** The rule, such as "RFC 9113 6.5.2". */
  readonly section: string;

  constructor(code: CodecErrorCode, detail?: string) {
    const row = ERROR_TABLE[code];
    super(`${code}: ${row.text}${detail === undefined ? '' : ` (${detail})`} [${row.section}]`);
    this.code = code;
    this.http2Code = row.http2;
    this.section = row.section;
  }
}

const byFault: CodecErrorCode[] = [];
for (const [code, row] of Object.entries(ERROR_TABLE)) {
  if (row.fault !== 0) byFault[row.fault] = code as CodecErrorCode;
}

/** Code of a rule's number in wasm. */
export function codeOfFault(fault: number): CodecErrorCode {
  const code = byFault[fault];
  if (code === undefined) throw new CodecError('INVALID_ARGUMENT', `wasm reported fault ${fault}, which has no row`);
  return code;
}
