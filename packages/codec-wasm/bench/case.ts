/** What a benchmark case is. The runner (tools/bench) knows nothing else of this package. */
export interface Case {
  readonly id: string;
  /** What is timed, and against what: one line each. */
  readonly subject: string;
  readonly peer: string;
  /** Builds its corpus and both sides, warm; compares what they answer and throws when it is not the same. */
  open(): OpenCase;
}

export interface OpenCase {
  /** Things one call of a side works through (headers, blocks, frames). */
  readonly operations: number;
  /** Works through them and answers a number that takes every result into account, so that none can be left out. */
  readonly subject: () => number;
  /** The same by the peer; where both can be reduced to the same number, they are. */
  readonly peer: () => number;
}

/** Throws unless both answer the same; says where they part. */
export function same(what: string, subject: unknown, peer: unknown): void {
  const [ours, theirs] = [JSON.stringify(subject), JSON.stringify(peer)];
  if (ours !== theirs) throw new Error(`${what}: the subject says ${ours}, the peer ${theirs}`);
}
