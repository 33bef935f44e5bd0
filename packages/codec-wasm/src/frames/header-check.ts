/** What is asked of a frame header before anything of the frame is read, in the order in which it is asked. */
import { FrameFlag, FrameType } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';
import type { BlockSequence } from './block-sequence.js';
import type { OpenFrame } from './open-frame.js';
import { frameFault } from './rules.js';

export class HeaderCheck {
  readonly #maxFrameSize: number;
  readonly #block: BlockSequence;
  #settingsSeen = false;

  constructor(maxFrameSize: number, block: BlockSequence) {
    this.#maxFrameSize = maxFrameSize;
    this.#block = block;
  }

  faultOf(frame: OpenFrame): CodecErrorCode | undefined {
    const { type, flags, streamId, length } = frame;
    // Section 3.4, both directions. Checked before the length: what a peer of another protocol says is not a long frame.
    if (!this.#settingsSeen && (type !== FrameType.SETTINGS || frame.has(FrameFlag.ACK))) {
      return 'FIRST_FRAME_NOT_SETTINGS';
    }
    this.#settingsSeen = true;
    if (length > this.#maxFrameSize) return 'FRAME_TOO_LARGE';
    return this.#block.faultOf(type, streamId) ?? frameFault(type, flags, streamId, length);
  }
}
