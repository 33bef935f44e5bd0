/**
 * Frames for sending, written into a buffer of the caller's at an offset; each answers the offset behind it. In
 * TypeScript on purpose: nine stores are cheaper than getting bytes back out of wasm (docs/adr/0002-wasm-boundary.md).
 *
 * Values are written as they are: what may be sent when is the engine's to know.
 */

/** RFC 9113 section 6. */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** RFC 9113 section 6; a bit means what the frame's type says. */
export const FrameFlag = {
  NONE: 0x0,
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** RFC 9113 section 6.5.2. */
export const SettingId = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** Bytes of a frame header. */
export const FRAME_HEADER_SIZE = 9;

/** What a client sends before its first frame: RFC 9113 section 3.4. */
export const CONNECTION_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Bytes `writeSettings` takes for that many entries. */
export function settingsSize(count: number): number {
  return FRAME_HEADER_SIZE + count * 6;
}

/** Bytes `writeGoAway` takes with that much debug data. */
export function goAwaySize(debugLength: number): number {
  return FRAME_HEADER_SIZE + 8 + debugLength;
}

/** Bytes that PING takes; RST_STREAM and WINDOW_UPDATE take four less. */
export const PING_SIZE = FRAME_HEADER_SIZE + 8;
export const RST_STREAM_SIZE = FRAME_HEADER_SIZE + 4;
export const WINDOW_UPDATE_SIZE = FRAME_HEADER_SIZE + 4;

/** A frame header (RFC 9113 section 4.1); `length` counts the payload. */
export function writeFrameHeader(
  out: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return putU32(out, at + 5, streamId);
}

/** SETTINGS with entries of id and value (section 6.5), in the order given. */
export function writeSettings(
  out: Uint8Array,
  at: number,
  entries: readonly (readonly [id: number, value: number])[],
): number {
  let next = writeFrameHeader(out, at, entries.length * 6, FrameType.SETTINGS, FrameFlag.NONE, 0);
  for (const [id, value] of entries) {
    out[next] = id >>> 8;
    out[next + 1] = id;
    next = putU32(out, next + 2, value);
  }
  return next;
}

/** The acknowledgement of a peer's SETTINGS. */
export function writeSettingsAck(out: Uint8Array, at: number): number {
  return writeFrameHeader(out, at, 0, FrameType.SETTINGS, FrameFlag.ACK, 0);
}

/** PING with eight bytes of payload (section 6.7). */
export function writePing(out: Uint8Array, at: number, payload: Uint8Array): number {
  return putPing(out, at, payload, FrameFlag.NONE);
}

/** The answer to a PING, with its payload. */
export function writePingAck(out: Uint8Array, at: number, payload: Uint8Array): number {
  return putPing(out, at, payload, FrameFlag.ACK);
}

function putPing(out: Uint8Array, at: number, payload: Uint8Array, flags: number): number {
  const next = writeFrameHeader(out, at, 8, FrameType.PING, flags, 0);
  for (let i = 0; i < 8; i++) out[next + i] = payload[i] ?? 0;
  return next + 8;
}

const NO_DEBUG_DATA = new Uint8Array(0);

/** GOAWAY (section 6.8); debug data is for the peer's log and must hold no secret. */
export function writeGoAway(
  out: Uint8Array,
  at: number,
  lastStreamId: number,
  errorCode: number,
  debug: Uint8Array = NO_DEBUG_DATA,
): number {
  let next = writeFrameHeader(out, at, 8 + debug.length, FrameType.GOAWAY, FrameFlag.NONE, 0);
  next = putU32(out, next, lastStreamId);
  next = putU32(out, next, errorCode);
  out.set(debug, next);
  return next + debug.length;
}

/** WINDOW_UPDATE (section 6.9); stream 0 is the connection. */
export function writeWindowUpdate(out: Uint8Array, at: number, streamId: number, increment: number): number {
  const next = writeFrameHeader(out, at, 4, FrameType.WINDOW_UPDATE, FrameFlag.NONE, streamId);
  return putU32(out, next, increment);
}

/** RST_STREAM (section 6.4). */
export function writeRstStream(out: Uint8Array, at: number, streamId: number, errorCode: number): number {
  const next = writeFrameHeader(out, at, 4, FrameType.RST_STREAM, FrameFlag.NONE, streamId);
  return putU32(out, next, errorCode);
}

function putU32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}
