/** The connection's receive window, and the padding of DATA frames, which counts against windows but is never shown. */
import { SharedReceiveWindow } from './flow-control.js';
import type { StreamTable } from './stream-table.js';
import type { FrameWriter } from './writer.js';

export class InboundData {
  readonly #window: SharedReceiveWindow;
  readonly #streams: StreamTable;
  readonly #writer: FrameWriter;
  #streamId = 0;
  /** Charged for the current frame and not shown yet; what is left when the next frame begins was padding. */
  #unseenBytes = 0;
  #exhaustedAt: number | undefined;

  constructor(windowBytes: number, streams: StreamTable, writer: FrameWriter) {
    this.#window = new SharedReceiveWindow(windowBytes);
    this.#streams = streams;
    this.#writer = writer;
  }

  /** Since when the peer may send (next to) nothing, because of readers of ours that stopped. */
  get exhaustedAt(): number | undefined {
    return this.#exhaustedAt;
  }

  /** A DATA frame of that length begins. False: the peer sent more than the connection allows. */
  begin(streamId: number, flowBytes: number, now: number): boolean {
    this.#settlePadding();
    this.#streamId = streamId;
    this.#unseenBytes = flowBytes;
    if (!this.#window.receive(flowBytes)) return false;
    this.#announce(this.#window.lend());
    if (this.#window.isExhausted) this.#exhaustedAt ??= now;
    return true;
  }

  /** Part of the frame was shown; its reader gives the credit back when it has taken it. */
  show(bytes: number): void {
    this.#unseenBytes -= bytes;
  }

  credit(bytes: number): void {
    this.#announce(this.#window.consume(bytes));
  }

  #announce(increment: number): void {
    if (increment === 0) return;
    this.#exhaustedAt = undefined;
    this.#writer.windowUpdate(0, increment);
  }

  #settlePadding(): void {
    if (this.#unseenBytes === 0) return;
    const stream = this.#streams.find(this.#streamId);
    if (typeof stream === 'string') this.credit(this.#unseenBytes);
    else stream.creditUnseen(this.#unseenBytes);
    this.#unseenBytes = 0;
  }
}
