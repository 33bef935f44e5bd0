/** The frame under way: its header, and how much of it is still to come. */
import { FrameFlag, FrameType } from '../encode/frames.js';
import { u24At, u31At } from './big-endian.js';
import { prefixLength } from './rules.js';

export class OpenFrame {
  length = 0;
  type = 0;
  flags = 0;
  streamId = 0;
  bodyLeft = 0;
  /** What follows the body: padding, or the rest of a frame that is of no interest. */
  skipLeft = 0;
  /** What flow control was not told of yet. */
  flow = 0;

  /** Reads the header that stands at `at`. */
  open(bytes: Uint8Array, at: number): void {
    this.length = u24At(bytes, at);
    this.type = bytes[at + 3] as number;
    this.flags = bytes[at + 4] as number;
    this.streamId = u31At(bytes, at + 5);
  }

  /** DATA without padding, up to its payload. */
  openPlainData(streamId: number, flags: number, length: number): void {
    this.length = length;
    this.type = FrameType.DATA;
    this.flags = flags;
    this.streamId = streamId;
    this.bodyLeft = length;
    this.skipLeft = 0;
    this.flow = length;
  }

  /** Bytes at the start of the payload that are read here. */
  get prefix(): number {
    return prefixLength(this.type, this.flags, this.length);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Splits what follows the prefix into body and padding; false when the padding does not fit. */
  split(prefix: Uint8Array): boolean {
    const padding = this.has(FrameFlag.PADDED) ? (prefix[0] as number) : 0;
    this.bodyLeft = this.length - this.prefix - padding;
    this.skipLeft = padding;
    this.flow = this.length;
    return this.bodyLeft >= 0;
  }

  /** All of it, the first time. */
  takeFlow(): number {
    const { flow } = this;
    this.flow = 0;
    return flow;
  }
}
