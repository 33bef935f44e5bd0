/**
 * The codec's public shapes. Bytes go in; the caller's handler is called for each thing that was in them.
 *
 * Cost model: a view per payload, one wasm call per header block, no other object per frame and no string unless asked
 * for. Header blocks and their baggage stand in memory that all decoders of a codec share: reading one after another has
 * been decoded throws `CodecError` STALE_VIEW rather than showing the other's.
 */
import type { CodecErrorCode } from './errors.js';

/** What a codec is built for: the names it reports as small integers, and the bounds it never exceeds. */
export interface CodecInit {
  /** Header names (lower case, pseudo-headers included) reported by their index in this list; all others as -1. */
  readonly headerNames: readonly string[];
  /** Baggage keys reported by their index in this list; all others are skipped. At most 64. */
  readonly baggageKeys: readonly string[];
  /** Connections that may be open at the same time; each leases a slot of fixed memory. Default 1024. */
  readonly slots?: number;
  /** Bytes of linear memory to lend out as `Codec.resident`, at most 16 MiB. Default 0. */
  readonly residentBytes?: number;
}

export interface Codec {
  /** Leases a slot. Throws `CodecError` with code `SLOTS_EXHAUSTED` when none is free. */
  openDecoder(init: DecoderInit): ConnectionDecoder;
  /**
   * Reads `baggage` header values (all header lines of one message, in order) that did not come through a decoder. The
   * view lasts until the next call. Throws `CodecError` BAGGAGE_TOO_LARGE over 128 KiB.
   */
  decodeBaggage(values: readonly string[]): BaggageView;
  /**
   * Reads one `baggage` header value from bytes. Bytes of `resident` are read where they lie, others are copied in. The
   * cursor is always the same object: it shows the last call's members. Throws `CodecError` BAGGAGE_TOO_LARGE.
   */
  readBaggage(bytes: Uint8Array, start: number, end: number): BaggageView;
  /**
   * `residentBytes` of linear memory for the caller to divide, for instance among sockets that read into a buffer of
   * their user (`onread` of net.connect): what is decoded from there is not copied in. Never detached.
   */
  readonly resident: Uint8Array;
  /** Whether the SIMD build runs; results are the same. */
  readonly simd: boolean;
  /** Slots in all, and slots leased now. */
  readonly slots: { readonly capacity: number; readonly leased: number };
}

export interface DecoderInit {
  /** A server expects the client connection preface (RFC 9113 section 3.4) before the first frame. */
  readonly role: 'client' | 'server';
  /** Bytes, 16,384 to 16,777,215; what we advertise as SETTINGS_MAX_FRAME_SIZE. A larger frame is FRAME_SIZE_ERROR. */
  readonly maxFrameSize: number;
  /**
   * Bytes by RFC 9113 section 6.5.2 (name + value + 32 each), at most 131,072. A larger list is `refused` and the
   * connection lives on, unless it is over 8 times the limit and 4096 bytes: HEADER_LIST_TOO_LARGE.
   */
  readonly maxHeaderListSize: number;
  /**
   * Compressed bytes of one header block over HEADERS and all CONTINUATION, at most 262,144. Default
   * 2 x maxHeaderListSize.
   */
  readonly maxHeaderBlockSize?: number;
  /** CONTINUATION frames per header block, at most 1024. Default 16. */
  readonly maxContinuations?: number;
}

/**
 * What a decoder found, in the order in which the peer sent it. PRIORITY, unknown frames and the rules of PUSH_PROMISE are
 * settled inside. A handler may close the decoder: nothing is called after that. One that throws ends the reading, and the
 * decoder with it. Keep to one class of handlers per program: the engine then compiles them into the loop over frames.
 */
export interface FrameHandler {
  /**
   * Payload of a DATA frame, or the part of it that this chunk has; a view of the chunk. `flowBytes` counts against both
   * windows (padding included) and comes once per frame, with its first part; END_STREAM with its last.
   */
  data(streamId: number, payload: Uint8Array, flowBytes: number, endStream: boolean): void;
  /** A whole header block, decoded. The view is lent until the next block. */
  headers(streamId: number, block: HeaderBlockView, endStream: boolean): void;
  rstStream(streamId: number, errorCode: number): void;
  /** The entries are lent for the call; none with `ack`. */
  settings(ack: boolean, entries: SettingsView): void;
  /** Eight bytes, lent for the call. */
  ping(ack: boolean, payload: Uint8Array): void;
  goAway(lastStreamId: number, errorCode: number): void;
  /** Stream 0 is the connection. An increment of zero is settled inside as an error. */
  windowUpdate(streamId: number, increment: number): void;
  /** The peer broke a rule, a row of `ERROR_TABLE`, on one stream only: reset it; the connection lives on. */
  streamError(streamId: number, errorCode: number, violation: CodecErrorCode): void;
}

/** Entries of a SETTINGS frame, in order; ids that RFC 9113 does not know included. */
export interface SettingsView {
  readonly count: number;
  id(index: number): number;
  value(index: number): number;
}

/**
 * Decodes what one peer sends on one HTTP/2 connection: frames across any chunk boundaries, HPACK with its dynamic
 * table. A broken connection rule throws `CodecError` carrying the HTTP/2 error code and the RFC section; the decoder
 * is then dead.
 */
export interface ConnectionDecoder {
  /**
   * Reads received bytes to their end and calls `handler` for what is in them. Payload is handed on as views of `chunk`,
   * of the class that `chunk.subarray` makes, so bytes that are kept must not be overwritten. Throws `CodecError` when the
   * peer broke a rule of the connection, now or before; SPAN_UNREAD when called by a handler or after one threw;
   * DECODER_CLOSED after `close`.
   */
  read(chunk: Uint8Array, handler: FrameHandler): void;

  /** Our SETTINGS_HEADER_TABLE_SIZE once the peer acknowledged it (RFC 7541 section 4.2). */
  setHeaderTableSize(bytes: number): void;
  /** Gives the slot back. Idempotent. */
  close(): void;
}

/**
 * One decoded header block; strings are made only when asked for. It is well formed by RFC 9113 sections 8.2 and 8.3
 * for the role, else it would have been a StreamError. Left to the caller: whether a block without pseudo-header fields
 * stands where trailers may, and CONNECT without `:authority`, which a server may want to answer (section 8.1.1).
 */
export interface HeaderBlockView {
  /** Number of fields. Zero when `refused`. */
  readonly count: number;
  /** The list was over `maxHeaderListSize`: the table is in step, the fields are not available (answer 431). */
  readonly refused: boolean;
  /** Index in `CodecInit.headerNames`, or -1. */
  nameId(index: number): number;
  name(index: number): string;
  /** Field value as latin1 text. */
  value(index: number): string;
  /** Index of the first field with that name id at or after `from`, or -1. */
  find(nameId: number, from?: number): number;
  /** All `baggage` field lines of the block, in order, read against the registered keys. */
  baggage(): BaggageView;
  /** Target and peer of a CONNECT in numbers. The same object for every block of the decoder. */
  connect(): ConnectView;
}

/** What `:authority` names. */
export const TargetKind = {
  /** No `:authority`, or one that is not host and port: read the field itself to say why. */
  None: 0,
  /** Dotted decimal: `ipv4` is its number. */
  Ipv4: 1,
  /** In brackets; what is in them is not judged further. */
  Ipv6: 2,
  /** Letters, digits, "-", "_" and ".". */
  Name: 3,
} as const;
export type TargetKind = (typeof TargetKind)[keyof typeof TargetKind];

/** `:authority` taken apart, and the peer as a number: no string is made until `host` is asked for. */
export interface ConnectView {
  readonly kind: TargetKind;
  /** First byte highest, 0 to 2^32 - 1; 0 unless `kind` is Ipv4. */
  readonly ipv4: number;
  /** 0 to 65,535; 0 when `kind` is None. */
  readonly port: number;
  /** The host's text, without brackets; "" when `kind` is None. */
  readonly host: string;
  /**
   * Stands for the bytes of the block's `baggage`: equal ids mean equal bytes, over the whole life of the codec. Equal
   * bytes mostly mean equal ids, but a bounded table may have forgotten them. -1 without baggage, with more than one line
   * of it, or over 1024 bytes: read `baggage()` then. Integer below 2^53.
   */
  readonly peerId: number;
}

/**
 * Members of a baggage header by registered key index. Later duplicates win; an empty value clears; unknown keys and
 * members without `=` are skipped; spaces around members, keys and values and `;properties` are dropped; values are
 * percent-decoded (a broken escape stays as it is written).
 */
export interface BaggageView {
  /** Bit i is set when key i has a non-empty value: keys 0-31 in the first word, 32-63 in the second. */
  readonly present: readonly [low: number, high: number];
  /** The value of key `keyIndex`, or undefined when absent or empty. */
  get(keyIndex: number): string | undefined;
  /** Bytes of the value of key `keyIndex`, percent-decoded; 0 when absent or empty. No string is made. */
  length(keyIndex: number): number;
  /** The header held a byte outside visible ASCII (plus space and tab): nothing was read. */
  readonly malformed: boolean;
}
