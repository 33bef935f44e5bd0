/**
 * THE table of what a peer may cost us on one connection beyond what it is served. Whoever exceeds a row loses that
 * connection with GOAWAY ENHANCE_YOUR_CALM; its streams are lost, no other connection notices. Honest peers stay far
 * below every row. The limits on resets are those of nghttp2 and h2 (about a thousand at once, 33 a second in the long run).
 *
 * Not here, because they have bounds of their own: open streams and header sizes (`settings.ts`), CONTINUATION frames
 * and the HPACK table (the codec), unread stream data (the receive windows).
 */
import { ErrorCode, ProtocolViolation } from './engine/error-code.js';

export interface Budget {
  /** How often within `windowMs`; for a level, how much at any one time. */
  readonly limit: number;
  /** Length of the counting window in milliseconds; absent for a level. */
  readonly windowMs?: number;
  /** What is counted, where the rule or the attack is written down. */
  readonly origin: string;
}

export const ABUSE_BUDGETS = {
  rapidReset: {
    limit: 1_000,
    windowMs: 30_000,
    origin: 'streams reset young, before they were answered or carried a byte; CVE-2023-44487, RFC 9113 section 10.5',
  },
  provokedResets: {
    limit: 1_000,
    windowMs: 30_000,
    origin: 'streams we had to reset or refuse because of broken or excess frames; CVE-2025-8671 (MadeYouReset)',
  },
  pings: { limit: 1_000, windowMs: 10_000, origin: 'PING frames that ask for an answer; CVE-2019-9512' },
  settings: { limit: 100, windowMs: 10_000, origin: 'SETTINGS frames that ask for an answer; CVE-2019-9515' },
  emptyData: {
    limit: 1_000,
    windowMs: 10_000,
    origin: 'DATA frames with neither payload nor END_STREAM; CVE-2019-9518',
  },
  lateFrames: {
    limit: 100_000,
    windowMs: 10_000,
    origin: 'frames other than DATA on streams already closed; a race when few, RFC 9113 section 5.1',
  },
  windowTrickles: {
    limit: 1_000,
    windowMs: 10_000,
    origin:
      'WINDOW_UPDATE frames that open a used-up window by less than 256 bytes while data waits for it; CVE-2019-9511 (data dribble)',
  },
  queuedReplyBytes: {
    limit: 65_536,
    origin:
      'bytes of answers (PING and SETTINGS acknowledgements, resets) the peer makes us queue and does not read; CVE-2019-9512',
  },
} as const satisfies Record<string, Budget>;

/**
 * Younger than this a reset stream is `rapidReset`'s. Users who lose patience take longer, and streams that live longer
 * are bounded by their number.
 */
export const RAPID_RESET_MS = 1_000;

/**
 * A window opened by less makes us send frames that are mostly frame. Only a window that is used up counts: credit for
 * each small message that was read, as some libraries give it, arrives while there is window left.
 */
export const TRICKLE_BYTES = 256;

export type BudgetName = keyof typeof ABUSE_BUDGETS;
export type Limits = Readonly<Record<BudgetName, Budget>>;

/** Counts one connection's spending. Fixed windows: cheap, and an attacker gains at most a factor of two. */
export class BudgetMeter {
  readonly #limits: Limits;
  readonly #spent = new Map<BudgetName, { count: number; windowEndsAt: number }>();

  constructor(limits: Limits = ABUSE_BUDGETS) {
    this.#limits = limits;
  }

  /** Counts one. Throws a `ProtocolViolation` when that is one too many. */
  spend(name: BudgetName, now: number): void {
    const { limit, windowMs = Number.POSITIVE_INFINITY } = this.#limits[name];
    const entry = this.#spent.get(name) ?? { count: 0, windowEndsAt: 0 };
    this.#spent.set(name, entry);
    if (now >= entry.windowEndsAt) {
      entry.count = 0;
      entry.windowEndsAt = now + windowMs;
    }
    entry.count += 1;
    if (entry.count > limit) this.#exceeded(name, `more than ${limit} in ${windowMs} ms`);
  }

  /** Compares a level. Throws a `ProtocolViolation` when it is over. */
  level(name: BudgetName, value: number): void {
    if (value > this.#limits[name].limit) this.#exceeded(name, `${value} is over ${this.#limits[name].limit}`);
  }

  #exceeded(name: BudgetName, detail: string): never {
    throw new ProtocolViolation(
      ErrorCode.ENHANCE_YOUR_CALM,
      `the peer exceeded the budget ${name}: ${detail} (${this.#limits[name].origin})`,
    );
  }
}
