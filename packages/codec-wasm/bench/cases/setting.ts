/** What all cases share: the workloads and codecs registered as the mesh registers them. */
import {
  type Codec,
  type ConnectionDecoder,
  createCodec,
  FrameFlag,
  type FrameHandler,
  FrameType,
  type HeaderBlockView,
  writeFrameHeader,
} from '@isthmus/codec-wasm';
import { BAGGAGE_KEYS, makeWorkloads, type Workload } from '../corpus/workloads.js';

let made: readonly Workload[] | undefined;

export function workloads(): readonly Workload[] {
  made ??= makeWorkloads();
  return made;
}

export const HEADER_NAMES: readonly string[] = [':method', ':authority', 'baggage', 'forwarded', 'traceparent'];

export function benchCodec(residentBytes = 0): Codec {
  return createCodec({ headerNames: HEADER_NAMES, baggageKeys: BAGGAGE_KEYS, slots: 8, residentBytes });
}

export function serverDecoder(codec: Codec, maxHeaderListSize = 65_536): ConnectionDecoder {
  const decoder = codec.openDecoder({ role: 'server', maxFrameSize: 16_384, maxHeaderListSize });
  return decoder;
}

/** A header block as one HEADERS frame on stream 1, in a Buffer as sockets of Node hand bytes over. */
export function headersFrame(block: Uint8Array): Buffer {
  const frame = Buffer.alloc(9 + block.length);
  frame.set(block, writeFrameHeader(frame, 0, block.length, FrameType.HEADERS, FrameFlag.END_HEADERS, 1));
  return frame;
}

/** Keeps the block that was decoded last, and nothing else. */
export class LastBlock implements FrameHandler {
  #block: HeaderBlockView | undefined;

  headers(_streamId: number, block: HeaderBlockView): void {
    this.#block = block;
  }

  data(): void {}
  rstStream(): void {}
  settings(): void {}
  ping(): void {}
  goAway(): void {}
  windowUpdate(): void {}
  streamError(): void {}

  /** Throws when none has come since the last call. */
  take(): HeaderBlockView {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined) throw new Error('the block is refused');
    return block;
  }
}
