/**
 * Receive windows of a connection and its streams, credit given back in halves: what an engine does for each DATA frame
 * whoever scans. Subject and peer of the frame cases use the same, each its own.
 */
const STREAM_WINDOW = 4_194_304;
const CONNECTION_WINDOW = 16_777_216;

export class FlowBook {
  readonly #available: Int32Array;
  readonly #consumed: Int32Array;
  /** WINDOW_UPDATE frames that would have been sent. */
  updates = 0;

  /** For stream ids up to `highestStream`; 0 is the connection. */
  constructor(highestStream: number) {
    this.#available = new Int32Array(highestStream + 1).fill(STREAM_WINDOW);
    this.#available[0] = CONNECTION_WINDOW;
    this.#consumed = new Int32Array(highestStream + 1);
  }

  /** A DATA frame of that many bytes came and was read at once. Throws when the peer overran a window. */
  receive(streamId: number, bytes: number): void {
    this.#charge(0, bytes, CONNECTION_WINDOW);
    this.#charge(streamId, bytes, STREAM_WINDOW);
  }

  #charge(id: number, bytes: number, size: number): void {
    const available = (this.#available[id] as number) - bytes;
    if (!(available >= 0)) throw new Error(`stream ${id} overran its window`);
    const consumed = (this.#consumed[id] as number) + bytes;
    if (consumed * 2 < size) {
      this.#available[id] = available;
      this.#consumed[id] = consumed;
      return;
    }
    this.#available[id] = available + consumed;
    this.#consumed[id] = 0;
    this.updates++;
  }
}
