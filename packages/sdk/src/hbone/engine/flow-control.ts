/** The two windows of RFC 9113 section 5.2, one object per direction, for streams and connections alike. */

/** The largest window there is (RFC 9113 section 6.9.1). */
export const MAX_WINDOW = 2 ** 31 - 1;
/** Every window before SETTINGS and WINDOW_UPDATE say otherwise (RFC 9113 section 6.9.2). */
export const INITIAL_WINDOW = 65_535;

/** What we may still send. Negative after the peer shrank its initial window (RFC 9113 section 6.9.2). */
export class SendWindow {
  #available: number;
  #usedUpAt: number | undefined;

  constructor(initial: number) {
    this.#available = initial;
  }

  get available(): number {
    return this.#available;
  }

  take(bytes: number): void {
    this.#available -= bytes;
  }

  /** False when the window would pass 2^31-1: the caller raises FLOW_CONTROL_ERROR. */
  grow(bytes: number): boolean {
    if (this.#available + bytes > MAX_WINDOW) return false;
    this.#available += bytes;
    this.#usedUpAt = undefined;
    return true;
  }

  /** Somebody has something to send and must wait. */
  noteUsedUp(now: number): void {
    this.#usedUpAt ??= now;
  }

  /** Since when somebody has waited while it did not grow. */
  get usedUpAt(): number | undefined {
    return this.#usedUpAt;
  }
}

/**
 * What the peer may still send us. Credit goes back when the reader has taken the bytes, and in halves of the window:
 * few WINDOW_UPDATE frames, and the sender never runs dry while the reader keeps up.
 */
export class ReceiveWindow {
  readonly #size: number;
  #available: number;
  #consumed = 0;

  constructor(size: number) {
    this.#size = size;
    this.#available = size;
  }

  /** Bytes the peer may send before the next update. Never negative. */
  get available(): number {
    return this.#available;
  }

  /** False when the peer sent more than it was allowed: the caller raises FLOW_CONTROL_ERROR. */
  receive(bytes: number): boolean {
    if (bytes > this.#available) return false;
    this.#available -= bytes;
    return true;
  }

  /** The reader took `bytes`. Returns the increment to announce now, or 0. */
  consume(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed * 2 < this.#size) return 0;
    const increment = this.#consumed;
    this.#consumed = 0;
    this.#available += increment;
    return increment;
  }
}

/** How many windows a connection lends beyond its own. With ztunnel's figures: eight stalled readers instead of four. */
const LENDABLE_WINDOWS = 1;

/**
 * The window of a connection, shared by streams some of whose readers may have stopped. What they leave unread must not
 * stop the others, so:
 *
 * - credit goes back as soon as it is half of what circulates, not half of the whole: when more than half is held by
 *   stalled readers, the rest would else never come to that;
 * - when a quarter is left the window lends: the peer may send more though nothing was read, up to `LENDABLE_WINDOWS`
 *   times the window. What is read first pays that back, so it is over when the readers have caught up.
 *
 * Unread bytes of a connection are thereby bounded by twice its window, and by its streams' own windows. Invariant:
 * available + consumed + unread = size + lent, and lent <= unread, so no more than `size` is ever granted at once.
 */
export class SharedReceiveWindow {
  readonly #size: number;
  #available: number;
  #consumed = 0;
  #lent = 0;

  constructor(size: number) {
    this.#size = size;
    this.#available = size;
  }

  /** Bytes the peer may send before the next update. Never negative. */
  get available(): number {
    return this.#available;
  }

  /** Little is left, and nothing more is lent: from now on it is the readers' turn. */
  get isExhausted(): boolean {
    return this.#available * 4 < this.#size;
  }

  /** False when the peer sent more than it was allowed: the caller raises FLOW_CONTROL_ERROR. */
  receive(bytes: number): boolean {
    if (bytes > this.#available) return false;
    this.#available -= bytes;
    return true;
  }

  /** A reader took `bytes`. Returns the increment to announce now, or 0. */
  consume(bytes: number): number {
    const repaid = Math.min(this.#lent, bytes);
    this.#lent -= repaid;
    this.#consumed += bytes - repaid;
    if (this.#consumed < this.#available) return this.lend();
    const increment = this.#consumed;
    this.#consumed = 0;
    this.#available += increment;
    return increment + this.lend();
  }

  /** After bytes came. Returns the increment to announce because little is left and much is unread, or 0. */
  lend(): number {
    if (this.#available * 4 >= this.#size) return 0;
    const increment = Math.min(Math.floor(this.#size / 4), LENDABLE_WINDOWS * this.#size - this.#lent);
    this.#lent += increment;
    this.#available += increment;
    return increment;
  }
}
