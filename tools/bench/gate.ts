/**
 * Decides whether speed was lost. Pure: results and the committed baseline in, verdicts out.
 *
 * A case is below when its ratio is under the floor, or more than 15 % under the committed ratio. One bad measurement on
 * a shared machine is no news: a case that is below is measured once more and fails when it is below again.
 */
import type { Result } from './statistics.js';

/** How far under the committed ratio a case may come. */
export const TOLERANCE = 0.15;

export interface BaselineRow {
  /** The ratio below which the claim made of this case is not true any more. */
  readonly floor: number;
  /** What was measured when the baseline was made, at the low end. */
  readonly ratio: number;
}

export type Baseline = Readonly<Record<string, BaselineRow>>;

export interface Shortfall {
  readonly id: string;
  readonly ratio: number;
  /** What it had to reach, and why. */
  readonly limit: number;
  readonly rule: 'floor' | 'committed ratio';
}

/** Undefined when the case is fast enough. The floor is named first: it is the promise. */
export function shortfallOf(row: BaselineRow, { id, ratio }: Pick<Result, 'id' | 'ratio'>): Shortfall | undefined {
  if (ratio < row.floor) return { id, ratio, limit: row.floor, rule: 'floor' };
  const limit = row.ratio * (1 - TOLERANCE);
  return ratio < limit ? { id, ratio, limit, rule: 'committed ratio' } : undefined;
}

export interface Verdict {
  readonly failures: readonly Shortfall[];
  /** Below once, and not the second time. */
  readonly recovered: readonly Shortfall[];
}

/** Measures what is below once more by `again`, and judges. */
export async function judge(
  baseline: Baseline,
  results: readonly Result[],
  again: (id: string) => Promise<Result>,
): Promise<Verdict> {
  const failures: Shortfall[] = [];
  const recovered: Shortfall[] = [];
  for (const result of results) {
    const row = rowOf(baseline, result.id);
    const first = shortfallOf(row, result);
    if (first === undefined) continue;
    const second = shortfallOf(row, await again(result.id));
    if (second === undefined) recovered.push(first);
    else failures.push(second);
  }
  return { failures, recovered };
}

/** Cases and rows have to be the same ones, else a case could be lost without anybody noticing. */
export function checkIds(baseline: Baseline, ids: readonly string[]): void {
  for (const id of ids) rowOf(baseline, id);
  const gone = Object.keys(baseline).filter((id) => !ids.includes(id));
  if (gone.length > 0) throw new Error(`the baseline has rows without a case: ${gone.join(', ')}; remove them`);
}

function rowOf(baseline: Baseline, id: string): BaselineRow {
  const row = baseline[id];
  if (row === undefined) throw new Error(`the baseline has no row '${id}'; add one with its floor and run --update`);
  return row;
}

/** Throws on what is no baseline, naming the row. */
export function parseBaseline(text: string): Baseline {
  const rows = JSON.parse(text) as Record<string, Partial<BaselineRow>>;
  for (const [id, { floor, ratio }] of Object.entries(rows)) {
    if (!isRatio(floor) || !isRatio(ratio))
      throw new Error(`row '${id}' of the baseline needs 'floor' and 'ratio' above 0`);
  }
  return rows as Baseline;
}

function isRatio(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && Number.isFinite(value);
}

/** The same rows with the lowest ratio that several runs gave; floors are promises and stay. */
export function updateBaseline(baseline: Baseline, runs: readonly (readonly Result[])[]): Baseline {
  const rows = Object.entries(baseline).map(([id, row]): [string, BaselineRow] => {
    const ratios = runs.flatMap((run) => run.filter((result) => result.id === id).map(({ ratio }) => ratio));
    return [id, ratios.length === 0 ? row : { floor: row.floor, ratio: Math.floor(Math.min(...ratios) * 100) / 100 }];
  });
  return Object.fromEntries(rows);
}
