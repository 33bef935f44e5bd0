/** The connection preface of a client: RFC 9113 section 3.4. */
import { CONNECTION_PREFACE } from '../encode/frames.js';
import type { Chunk } from './chunk.js';

export class Preface {
  #seen = 0;

  get isWhole(): boolean {
    return this.#seen === CONNECTION_PREFACE.length;
  }

  /** Takes what belongs to it; false at the first wrong byte, so that a peer of another protocol is not waited for. */
  match(chunk: Chunk): boolean {
    while (!this.isWhole && chunk.at < chunk.end) {
      if (chunk.bytes[chunk.at] !== CONNECTION_PREFACE.charCodeAt(this.#seen)) return false;
      this.#seen++;
      chunk.at++;
    }
    return true;
  }
}
