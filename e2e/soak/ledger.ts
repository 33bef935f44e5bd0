/** The book of a soak: every call with its outcome, and which failures nothing could have prevented. */

/** One request, or the life of one held connection. */
export interface Outcome {
  readonly path: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly error?: string;
}

/** A process that calls of some paths may have gone through was killed. */
export interface Kill {
  readonly name: string;
  /** When it was sent the signal, and when it was gone. */
  readonly atMs: number;
  readonly goneMs: number;
}

export interface PathReport {
  readonly path: string;
  readonly calls: number;
  /** Under way through a gateway at the moment it was killed: the bytes were gone with it. */
  readonly cut: number;
  /** Everything else that failed. Must be zero. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Book {
  note(outcome: Outcome): void;
  killed(kill: Kill): void;
  readonly calls: number;
  report(): {
    readonly paths: readonly PathReport[];
    readonly failures: readonly Outcome[];
    readonly cut: readonly Outcome[];
  };
}

/** A broken connection is noticed at once; a call that went on for longer failed for another reason. */
const NOTICED_WITHIN_MS = 2_000;

/** `crossing`: paths that a gateway carries. */
export function createBook(crossing: ReadonlySet<string>): Book {
  const latencies = new Map<string, number[]>();
  const failures: Outcome[] = [];
  const kills: Kill[] = [];
  let calls = 0;

  const isCut = ({ path, startedMs, endedMs }: Outcome) =>
    crossing.has(path) &&
    kills.some(({ atMs, goneMs }) => startedMs <= goneMs && atMs <= endedMs && endedMs - goneMs <= NOTICED_WITHIN_MS);

  return {
    note(outcome) {
      calls += 1;
      if (outcome.error !== undefined) failures.push(outcome);
      const known = latencies.get(outcome.path) ?? [];
      latencies.set(outcome.path, known);
      known.push(outcome.endedMs - outcome.startedMs);
    },
    killed: (kill) => void kills.push(kill),
    get calls() {
      return calls;
    },
    report() {
      const paths = [...latencies].map(([path, values]) => {
        const sorted = [...values].sort((a, b) => a - b);
        const at = (share: number) => Math.round(10 * (sorted[Math.floor(share * (sorted.length - 1))] ?? 0)) / 10;
        const broken = failures.filter((failure) => failure.path === path);
        const cut = broken.filter(isCut).length;
        return { path, calls: values.length, cut, failed: broken.length - cut, p50Ms: at(0.5), p99Ms: at(0.99) };
      });
      return { paths, failures: failures.filter((each) => !isCut(each)), cut: failures.filter(isCut) };
    },
  };
}
