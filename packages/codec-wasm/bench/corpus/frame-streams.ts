/**
 * What a busy HBONE connection carries: DATA on 100 streams in turns, in chunks of 64 KiB as a socket hands them over, so
 * that frames and their headers are cut wherever a chunk ends. `mixed` has sizes from a prompt to a full frame and, as on
 * a real connection, WINDOW_UPDATE of the stream and PING between them. Streams never end, so chunks can be replayed.
 */
import { FrameType, writeFrameHeader, writePing, writeSettings, writeWindowUpdate } from '@isthmus/codec-wasm';
import { pick, seeded } from './random.js';

export const STREAM_COUNT = 100;
export const MAX_FRAME_SIZE = 16_384;
const CHUNK = 65_536;
/** 1 MiB: in no cache of the first level, as bytes from a socket are not. */
const CHUNKS = 16;

export interface FrameStream {
  /** Client preface and SETTINGS, to go first and once. */
  readonly opening: Uint8Array;
  /** Whole frames from the first byte of the first to the last byte of the last. */
  readonly chunks: readonly Uint8Array[];
  readonly frames: number;
  readonly payloadBytes: number;
}

export type PayloadSize = 100 | 1024 | 16_384 | 'mixed';

export function frameStream(size: PayloadSize): FrameStream {
  const random = seeded(0xf4a3e);
  const bytes = new Uint8Array(CHUNK * CHUNKS);
  let at = 0;
  let frames = 0;
  let payloadBytes = 0;
  for (;;) {
    const streamId = streamIdOf(frames % STREAM_COUNT);
    const length = size === 'mixed' ? pick(random, [5, 64, 100, 700, 1024, 1400, 4096, 16_384]) : size;
    // Room for the frame and for what `mixed` adds.
    if (at + length + 64 > bytes.length) break;
    at = writeFrameHeader(bytes, at, length, FrameType.DATA, 0, streamId);
    at = fill(bytes, at, length);
    frames++;
    payloadBytes += length;
    // An increment of 1, so that no number of replays fills the window of a peer that keeps books.
    if (size === 'mixed' && frames % 8 === 0) {
      at = writeWindowUpdate(bytes, at, streamId, 1);
      frames++;
    }
    if (size === 'mixed' && frames % 100 === 99) {
      at = writePing(bytes, at, bytes.subarray(0, 8));
      frames++;
    }
  }
  const chunks: Uint8Array[] = [];
  // Buffers of their own, as a socket of Node hands them over.
  for (let start = 0; start < at; start += CHUNK) {
    chunks.push(Buffer.from(bytes.slice(start, Math.min(start + CHUNK, at)).buffer));
  }
  return { opening: opening(), chunks, frames, payloadBytes };
}

export function streamIdOf(index: number): number {
  return index * 2 + 1;
}

function opening(): Uint8Array {
  const preface = new TextEncoder().encode('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const out = Buffer.alloc(64);
  out.set(preface);
  return out.subarray(0, writeSettings(out, preface.length, []));
}

function fill(bytes: Uint8Array, at: number, length: number): number {
  bytes.fill(0x61 + (length & 15), at, at + length);
  return at + length;
}
