/** What one stream has still to send: its queue, the window the peer allows it, and when its writer is asked to wait. */

import { release } from '../blocks.js';
import { ByteQueue } from '../byte-queue.js';
import { SendWindow } from './flow-control.js';
import type { OutputBuffer } from './output.js';

/**
 * A writer is asked to wait above this and called at half of it: enough for several full frames per turn of the event
 * loop, little enough that a stalled peer pins no more than this per stream.
 */
const QUEUE_HIGH_BYTES = 262_144;
const QUEUE_LOW_BYTES = QUEUE_HIGH_BYTES / 2;

export class OutboundData {
  readonly #queue = new ByteQueue();
  readonly #window: SendWindow;
  /** The writer was asked to wait. */
  #drainOwed = false;
  #bytesTaken = 0;

  constructor(windowBytes: number) {
    this.#window = new SendWindow(windowBytes);
  }

  get queuedBytes(): number {
    return this.#queue.length;
  }

  /** Bytes that left, all in all. */
  get bytesTaken(): number {
    return this.#bytesTaken;
  }

  /** Queued and allowed by the window. */
  get sendableBytes(): number {
    return Math.max(0, Math.min(this.#queue.length, this.#window.available));
  }

  /** Data waits, and nothing but the window is in its way. */
  get isStarved(): boolean {
    return this.#queue.length > 0 && this.#window.available <= 0;
  }

  /** False: the writer is to wait until `takeDrain`. */
  push(chunk: Uint8Array): boolean {
    if (this.#queue.length === 0 && this.#window.available > 0) this.#queue.push(chunk);
    else if (!this.#queue.hold(chunk)) release(chunk);
    if (this.#queue.length < QUEUE_HIGH_BYTES) return true;
    this.#drainOwed = true;
    return false;
  }

  /** Moves the next `bytes`, at most `sendableBytes`, to the output. */
  takeInto(output: OutputBuffer, bytes: number): void {
    this.#window.take(bytes);
    this.#bytesTaken += bytes;
    for (let left = bytes; left > 0; ) {
      const piece = this.#queue.shift(left);
      if (!piece) throw new RangeError(`${left} bytes asked for beyond what is queued`);
      output.append(piece);
      left -= piece.length;
    }
  }

  /** True once for each time the writer was asked to wait, when there is room again. */
  takeDrain(): boolean {
    if (!this.#drainOwed || this.#queue.length > QUEUE_LOW_BYTES) return false;
    this.#drainOwed = false;
    return true;
  }

  /** False when the window would pass 2^31-1. */
  grow(bytes: number): boolean {
    return this.#window.grow(bytes);
  }

  clear(): void {
    this.#queue.clear();
  }
}
