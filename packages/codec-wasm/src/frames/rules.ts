/**
 * What RFC 9113 section 6 asks of a frame before its payload is looked at: one row per frame type. Frames of other
 * types have no row: they are skipped (section 4.1), unless a header block is open (section 6.10).
 */
import { FrameFlag, FrameType } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';

/** SETTINGS entries of a frame, as nghttp2. */
export const MAX_SETTINGS = 32;

/** Where the frame may be sent, and how long its payload may be. */
type Place = 'connection' | 'stream' | 'both';
type Length = { readonly exactly: number } | { readonly atLeast: number } | { readonly timesOf: number };

interface FrameRule {
  readonly place: Place;
  readonly misplaced?: CodecErrorCode;
  readonly length?: Length;
  readonly badLength?: CodecErrorCode;
}

/** By frame type; the sections are those of RFC 9113. */
export const FRAME_RULES: readonly FrameRule[] = [
  // 6.1 DATA
  { place: 'stream', misplaced: 'DATA_ON_CONNECTION' },
  // 6.2 HEADERS
  { place: 'stream', misplaced: 'HEADERS_ON_CONNECTION' },
  // 6.3 PRIORITY; its length is one stream's fault only
  { place: 'stream', misplaced: 'PRIORITY_ON_CONNECTION', length: { exactly: 5 }, badLength: 'PRIORITY_LENGTH' },
  // 6.4 RST_STREAM
  { place: 'stream', misplaced: 'RST_STREAM_ON_CONNECTION', length: { exactly: 4 }, badLength: 'RST_STREAM_LENGTH' },
  // 6.5 SETTINGS
  { place: 'connection', misplaced: 'SETTINGS_ON_STREAM', length: { timesOf: 6 }, badLength: 'SETTINGS_LENGTH' },
  // 6.6 PUSH_PROMISE: never allowed, see `frameFault`
  { place: 'both' },
  // 6.7 PING
  { place: 'connection', misplaced: 'PING_ON_STREAM', length: { exactly: 8 }, badLength: 'PING_LENGTH' },
  // 6.8 GOAWAY
  { place: 'connection', misplaced: 'GOAWAY_ON_STREAM', length: { atLeast: 8 }, badLength: 'GOAWAY_LENGTH' },
  // 6.9 WINDOW_UPDATE
  { place: 'both', length: { exactly: 4 }, badLength: 'WINDOW_UPDATE_LENGTH' },
  // 6.10 CONTINUATION
  { place: 'stream', misplaced: 'CONTINUATION_UNEXPECTED' },
];

/** The row that this frame header breaks, or undefined. The caller has checked size and sequence. */
export function frameFault(type: number, flags: number, streamId: number, length: number): CodecErrorCode | undefined {
  const rule = FRAME_RULES[type];
  if (rule === undefined) return undefined;
  // We never allow push (ENABLE_PUSH 0), and a client can never push: section 8.4.
  if (type === FrameType.PUSH_PROMISE) return 'PUSH_PROMISE_RECEIVED';
  if (rule.place !== 'both' && (streamId !== 0) !== (rule.place === 'stream')) return rule.misplaced;
  // Even ids are for pushed streams, which cannot exist here; only PRIORITY may name an idle stream (section 5.1).
  if ((streamId & 1) === 0 && streamId !== 0 && type !== FrameType.PRIORITY) return 'STREAM_ID_EVEN';
  if (rule.length !== undefined && !fits(rule.length, length)) return rule.badLength;
  if (length < prefixLength(type, flags, length)) return 'FRAME_TOO_SHORT';
  return type === FrameType.SETTINGS ? settingsLengthFault(flags, length) : undefined;
}

/** Bytes at the start of the payload that are read here; what follows is reported by position or skipped. */
export function prefixLength(type: number, flags: number, length: number): number {
  const padding = (flags & FrameFlag.PADDED) !== 0 ? 1 : 0;
  if (type === FrameType.DATA) return padding;
  if (type === FrameType.HEADERS) return padding + ((flags & FrameFlag.PRIORITY) !== 0 ? 5 : 0);
  if (type === FrameType.SETTINGS) return length;
  if (type === FrameType.GOAWAY || type === FrameType.PING) return 8;
  if (type === FrameType.RST_STREAM || type === FrameType.WINDOW_UPDATE) return 4;
  return 0;
}

function fits(rule: Length, length: number): boolean {
  if ('exactly' in rule) return length === rule.exactly;
  if ('atLeast' in rule) return length >= rule.atLeast;
  return length % rule.timesOf === 0;
}

function settingsLengthFault(flags: number, length: number): CodecErrorCode | undefined {
  if ((flags & FrameFlag.ACK) !== 0) return length === 0 ? undefined : 'SETTINGS_ACK_LENGTH';
  return length > MAX_SETTINGS * 6 ? 'SETTINGS_TOO_MANY' : undefined;
}
