/**
 * The same bytes for a native library: what goes in once, what goes in again and again, and what our side does with it.
 * `bytesSeen` is how both are known to have read the same.
 */
import { encodeHeaderBlock, FrameFlag, FrameType, writeFrameHeader, writeSettingsAck } from '@isthmus/codec-wasm';
import { FrameCounter } from './cases/frames-scan.js';
import { decodeOne, warmDecoder } from './cases/hpack-decode.js';
import { benchCodec, headersFrame, serverDecoder, workloads } from './cases/setting.js';
import { type BlockStream, indexedBlocks, literalBlocks } from './corpus/connect-blocks.js';
import { frameStream, STREAM_COUNT, streamIdOf } from './corpus/frame-streams.js';

export interface NativeCase {
  readonly id: string;
  /** What the native program is asked to do. */
  readonly task: 'inflate' | 'scan';
  open(): OpenNativeCase;
}

export interface OpenNativeCase {
  readonly warm: readonly Uint8Array[];
  readonly spans: readonly Uint8Array[];
  readonly operations: number;
  readonly subject: () => number;
  /** Names and values, or payload, of all spans together. */
  readonly bytesSeen: number;
}

function openInflate(stream: BlockStream | undefined): OpenNativeCase {
  if (stream === undefined) throw new Error('no connection');
  const decoder = warmDecoder(benchCodec(), stream);
  const frames = stream.blocks.map(headersFrame);
  const subject = () => {
    let sum = 0;
    for (const frame of frames) {
      const headers = decodeOne(decoder, frame);
      const { count } = headers;
      for (let index = 0; index < count; index++) sum += headers.nameId(index);
    }
    return sum;
  };
  let bytesSeen = 0;
  for (const frame of frames) {
    const headers = decodeOne(decoder, frame);
    for (let index = 0; index < headers.count; index++) {
      bytesSeen += headers.name(index).length + headers.value(index).length;
    }
  }
  return { warm: stream.warm, spans: stream.blocks, operations: frames.length, subject, bytesSeen };
}

/** The streams are opened first: nghttp2 keeps their state, which our codec leaves to the engine. */
function openScan(): OpenNativeCase {
  const stream = frameStream('mixed');
  const warm = [stream.opening, settingsAck(), ...Array.from({ length: STREAM_COUNT }, (_, index) => connect(index))];
  const decoder = serverDecoder(benchCodec());
  const counter = new FrameCounter();
  for (const span of warm) decoder.read(span, counter);
  counter.take();
  const subject = () => {
    for (const chunk of stream.chunks) decoder.read(chunk, counter);
    return counter.take().bytes;
  };
  return { warm, spans: stream.chunks, operations: stream.frames, subject, bytesSeen: subject() };
}

function settingsAck(): Uint8Array {
  const frame = new Uint8Array(9);
  writeSettingsAck(frame, 0);
  return frame;
}

function connect(index: number): Uint8Array {
  const block = encodeHeaderBlock([
    [':method', 'CONNECT'],
    [':authority', '10.0.0.1:80'],
  ]);
  const frame = headersFrame(block);
  writeFrameHeader(frame, 0, block.length, FrameType.HEADERS, FrameFlag.END_HEADERS, streamIdOf(index));
  return frame;
}

export const nativeCases: readonly NativeCase[] = [
  { id: 'native.hpack.literal', task: 'inflate', open: () => openInflate(literalBlocks(workloads())) },
  { id: 'native.hpack.indexed', task: 'inflate', open: () => openInflate(indexedBlocks(workloads())[0]) },
  { id: 'native.frames.mixed', task: 'scan', open: openScan },
];
