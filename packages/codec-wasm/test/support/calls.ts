/** Counts the calls of a decoder by name and keeps the last header block as it was lent. */
import type { ConnectionDecoder, FrameHandler, HeaderBlockView } from '../../src/types.js';

export class Calls implements FrameHandler {
  /** In order. */
  readonly names: string[] = [];
  #block: HeaderBlockView | undefined;

  /** The last header block; throws when there was none. */
  get block(): HeaderBlockView {
    if (this.#block === undefined) throw new Error('no header block was read');
    return this.#block;
  }

  data(): void {
    this.names.push('data');
  }

  headers(_streamId: number, block: HeaderBlockView): void {
    this.names.push('headers');
    this.#block = block;
  }

  rstStream(): void {
    this.names.push('rstStream');
  }

  settings(): void {
    this.names.push('settings');
  }

  ping(): void {
    this.names.push('ping');
  }

  goAway(): void {
    this.names.push('goAway');
  }

  windowUpdate(): void {
    this.names.push('windowUpdate');
  }

  streamError(): void {
    this.names.push('streamError');
  }
}

/** What the decoder calls for these bytes. */
export function callsOf(decoder: ConnectionDecoder, bytes: Uint8Array): Calls {
  const calls = new Calls();
  decoder.read(bytes, calls);
  return calls;
}

/** A handler of which only some calls matter. */
export function handlerOf(calls: Partial<FrameHandler>): FrameHandler {
  return Object.assign(new Calls(), calls);
}
