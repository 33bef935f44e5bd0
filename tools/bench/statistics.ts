/** The few numbers a measurement comes down to. Pure. */

/** What one case came to: ratio > 1 says that the subject is that many times faster than its peer. */
export interface Result {
  readonly id: string;
  readonly subject: string;
  readonly peer: string;
  /** Median over the rounds of (peer's time / subject's time). */
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
  /** A quarter of the rounds came above it. */
  readonly upperQuartile: number;
  readonly rounds: number;
}

/** Seconds that one call of each took, measured next to each other. */
export interface Round {
  readonly subject: number;
  readonly peer: number;
}

/** Throws on an empty list: a median of nothing would pass for a figure. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error('median of nothing');
  return (low + high) / 2;
}

/** The value a quarter of the way up. Throws on an empty list. */
export function lowerQuartile(values: readonly number[]): number {
  return quartile(values.toSorted((a, b) => a - b));
}

/** The value a quarter of the way down. Throws on an empty list. */
function upperQuartile(values: readonly number[]): number {
  return quartile(values.toSorted((a, b) => b - a));
}

function quartile(sorted: readonly number[]): number {
  const value = sorted[sorted.length >> 2];
  if (value === undefined) throw new Error('quartile of nothing');
  return value;
}

export function summarize(names: Pick<Result, 'id' | 'subject' | 'peer'>, rounds: readonly Round[]): Result {
  const ratios = rounds.map(({ subject, peer }) => peer / subject);
  if (!ratios.every((ratio) => ratio > 0 && Number.isFinite(ratio))) {
    throw new Error(`${names.id}: a round took no time or failed: ${JSON.stringify(rounds)}`);
  }
  const { id, subject, peer } = names;
  const figures = {
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    upperQuartile: upperQuartile(ratios),
    rounds: rounds.length,
  };
  return { id, subject, peer, ...figures };
}
