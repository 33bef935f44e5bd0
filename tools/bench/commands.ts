/** What the commands do, but for the native one: measure, write, say. */
import { readFile, writeFile } from 'node:fs/promises';
import { type BenchCase, loadSuite } from './case.js';
import { checkIds, judge, parseBaseline, updateBaseline } from './gate.js';
import { type Effort, type Measurement, measure } from './measure.js';
import type { GateOptions, RunOptions } from './options.js';
import { BASELINE, PAGE, SUITE } from './places.js';
import { profile } from './profile.js';
import { figure, renderJson, renderMarkdown, renderTable, renderVerdict, replaceTable } from './report.js';
import type { Result } from './statistics.js';
import { isTunnelResult, renderTunnelMarkdown, TUNNEL_MARKERS } from './tunnel/report.js';

const SECONDS = 0.06;
const UPDATE_RUNS = 3;

export async function run(options: RunOptions): Promise<number> {
  const all = await loadSuite(SUITE);
  if (options.profile !== undefined) return profileOf(all, options.profile);
  const chosen = all.filter(({ id }) => options.grep?.test(id) ?? true);
  if (chosen.length === 0) return refuse(`no case matches ${options.grep}; there are ${ids(all).join(', ')}`);
  const measurements = measureAll(chosen, { rounds: options.rounds, seconds: SECONDS });
  process.stdout.write(renderTable(measurements));
  if (options.json !== undefined) {
    await writeFile(options.json, renderJson(measurements.map(({ result }) => result)));
    process.stderr.write(`results are in ${options.json}\n`);
  }
  return 0;
}

async function profileOf(all: readonly BenchCase[], id: string): Promise<number> {
  const benchCase = all.find((candidate) => candidate.id === id);
  if (benchCase === undefined) return refuse(`no case '${id}'; there are ${ids(all).join(', ')}`);
  process.stdout.write(`CPU profile of ${id}: ${await profile(benchCase, process.cwd())}\n`);
  return 0;
}

export async function gate({ update, rounds }: GateOptions): Promise<number> {
  const all = await loadSuite(SUITE);
  const baseline = parseBaseline(await readFile(BASELINE, 'utf8'));
  checkIds(baseline, ids(all));
  const effort: Effort = { rounds, seconds: SECONDS };
  if (update) {
    const runs = Array.from({ length: UPDATE_RUNS }, () => resultsOf(measureAll(all, effort)));
    await writeFile(BASELINE, `${JSON.stringify(updateBaseline(baseline, runs), null, 2)}\n`);
    process.stdout.write(`the baseline is what was measured now; floors are as they were\n`);
    return 0;
  }
  const measurements = measureAll(all, effort);
  process.stdout.write(renderTable(measurements));
  const verdict = await judge(baseline, resultsOf(measurements), async (id) => {
    const benchCase = all.find((candidate) => candidate.id === id);
    if (benchCase === undefined) throw new Error(`no case '${id}'`);
    // Longer than the first time: what decides should be the better measurement.
    return measure(benchCase, { rounds: rounds * 2, seconds: SECONDS }).result;
  });
  process.stdout.write(renderVerdict(verdict, all.length));
  return verdict.failures.length === 0 ? 0 : 1;
}

export async function docs(file: string): Promise<number> {
  const results = JSON.parse(await readFile(file, 'utf8')) as Result[];
  const page = await readFile(PAGE, 'utf8');
  const changed = results.every(isTunnelResult)
    ? replaceTable(page, renderTunnelMarkdown(results), TUNNEL_MARKERS)
    : replaceTable(page, renderMarkdown(results));
  await writeFile(PAGE, changed);
  return 0;
}

function measureAll(cases: readonly BenchCase[], effort: Effort): Measurement[] {
  return cases.map((benchCase) => {
    const measurement = measure(benchCase, effort);
    process.stderr.write(`${benchCase.id} ${figure(measurement.result.ratio)}\n`);
    return measurement;
  });
}

function resultsOf(measurements: readonly Measurement[]): Result[] {
  return measurements.map(({ result }) => result);
}

function ids(cases: readonly BenchCase[]): string[] {
  return cases.map(({ id }) => id);
}

function refuse(reason: string): number {
  process.stderr.write(`${reason}\n`);
  return 2;
}
