/**
 * What RFC 9113 section 6 asks of a frame before its payload is looked at: one row per frame type. Frames of other
 * types have no row: they are skipped (section 4.1), unless a header block is open (section 6.10).
 */
import { FrameFlag, FrameType } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';

/** SETTINGS entries of a frame, as nghttp2. */
export const MAX_SETTINGS = 32;

/** Where the frame may be sent. */
const Place = { Connection: 0, Stream: 1, Both: 2 } as const;
/** How its length is bounded. */
const Length = { Any: 0, Exactly: 1, AtLeast: 2, Times: 3 } as const;

/** All rows have one shape: they are read for each frame. */
interface FrameRule {
  readonly place: number;
  readonly misplaced: CodecErrorCode | undefined;
  readonly length: number;
  readonly bound: number;
  readonly badLength: CodecErrorCode | undefined;
}

function row(place: number, misplaced?: CodecErrorCode, length = 0, bound = 0, badLength?: CodecErrorCode): FrameRule {
  return { place, misplaced, length, bound, badLength };
}

/** By frame type; the sections are those of RFC 9113. */
export const FRAME_RULES: readonly FrameRule[] = [
  // 6.1 DATA
  row(Place.Stream, 'DATA_ON_CONNECTION'),
  // 6.2 HEADERS
  row(Place.Stream, 'HEADERS_ON_CONNECTION'),
  // 6.3 PRIORITY; its length is one stream's fault only
  row(Place.Stream, 'PRIORITY_ON_CONNECTION', Length.Exactly, 5, 'PRIORITY_LENGTH'),
  // 6.4 RST_STREAM
  row(Place.Stream, 'RST_STREAM_ON_CONNECTION', Length.Exactly, 4, 'RST_STREAM_LENGTH'),
  // 6.5 SETTINGS
  row(Place.Connection, 'SETTINGS_ON_STREAM', Length.Times, 6, 'SETTINGS_LENGTH'),
  // 6.6 PUSH_PROMISE: never allowed, see `frameFault`
  row(Place.Both),
  // 6.7 PING
  row(Place.Connection, 'PING_ON_STREAM', Length.Exactly, 8, 'PING_LENGTH'),
  // 6.8 GOAWAY
  row(Place.Connection, 'GOAWAY_ON_STREAM', Length.AtLeast, 8, 'GOAWAY_LENGTH'),
  // 6.9 WINDOW_UPDATE
  row(Place.Both, undefined, Length.Exactly, 4, 'WINDOW_UPDATE_LENGTH'),
  // 6.10 CONTINUATION
  row(Place.Stream, 'CONTINUATION_UNEXPECTED'),
];

/** The row that this frame header breaks, or undefined. The caller has checked size and sequence. */
export function frameFault(type: number, flags: number, streamId: number, length: number): CodecErrorCode | undefined {
  const rule = FRAME_RULES[type];
  if (rule === undefined) return undefined;
  // We never allow push (ENABLE_PUSH 0), and a client can never push: section 8.4.
  if (type === FrameType.PUSH_PROMISE) return 'PUSH_PROMISE_RECEIVED';
  if (rule.place !== Place.Both && (streamId !== 0) !== (rule.place === Place.Stream)) return rule.misplaced;
  // Even ids are for pushed streams, which cannot exist here; only PRIORITY may name an idle stream (section 5.1).
  if ((streamId & 1) === 0 && streamId !== 0 && type !== FrameType.PRIORITY) return 'STREAM_ID_EVEN';
  if (!fits(rule, length)) return rule.badLength;
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

function fits(rule: FrameRule, length: number): boolean {
  if (rule.length === Length.Any) return true;
  if (rule.length === Length.Exactly) return length === rule.bound;
  if (rule.length === Length.AtLeast) return length >= rule.bound;
  return length % rule.bound === 0;
}

function settingsLengthFault(flags: number, length: number): CodecErrorCode | undefined {
  if ((flags & FrameFlag.ACK) !== 0) return length === 0 ? undefined : 'SETTINGS_ACK_LENGTH';
  return length > MAX_SETTINGS * 6 ? 'SETTINGS_TOO_MANY' : undefined;
}
