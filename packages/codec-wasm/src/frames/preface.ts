/** The connection preface of a client: RFC 9113 section 3.4. */
import { CONNECTION_PREFACE } from '../encode/frames.js';

export class Preface {
  #seen = 0;

  get isWhole(): boolean {
    return this.#seen === CONNECTION_PREFACE.length;
  }

  /**
   * How many bytes from `at` on belong to it. -1 at the first wrong byte, so that a peer of another protocol is not waited
   * for.
   */
  match(chunk: Uint8Array, at: number): number {
    let matched = 0;
    while (!this.isWhole && at + matched < chunk.length) {
      if (chunk[at + matched] !== CONNECTION_PREFACE.charCodeAt(this.#seen)) return -1;
      this.#seen++;
      matched++;
    }
    return matched;
  }
}
