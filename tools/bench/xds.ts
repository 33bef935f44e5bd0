/**
 * `npm run bench:xds`: the control plane at size. The suite belongs to its package, as that of the codec does; its cases
 * take seconds each and do not repeat as a function does, so they time themselves and answer rounds.
 */
import { writeFile } from 'node:fs/promises';
import { type Baseline, judge } from './gate.js';
import { XDS_SUITE } from './places.js';
import { figure, layOut, renderJson, renderVerdict } from './report.js';
import { median, type Result, type Round, summarize } from './statistics.js';

export interface XdsOptions {
  readonly json?: string;
  readonly grep?: RegExp;
  readonly rounds: number;
  readonly short: boolean;
  readonly gate: boolean;
}

interface XdsCase {
  readonly id: string;
  readonly subject: string;
  readonly peer: string;
  readonly unit: string;
  readonly floor?: number;
  run(rounds: number): Promise<readonly Round[]>;
}

interface XdsResult extends Result {
  readonly unit: string;
  /** Medians of what each side took. */
  readonly subjectTook: number;
  readonly peerTook: number;
}

/** The naive peer of the full push would take minutes for each round with all ten clients. */
const FULL = { namespaces: 1_000, clients: 10, peerClients: 1, projectionNamespaces: 1_000, changes: 10_000 };
const SHORT = { namespaces: 100, clients: 10, peerClients: 10, projectionNamespaces: 300, changes: 1_000 };

export async function xds({ grep, gate, short, rounds, json }: XdsOptions): Promise<number> {
  const suite: { xdsCases(sizes: typeof FULL): readonly XdsCase[] } = await import(String(XDS_SUITE));
  const all = suite.xdsCases(short || gate ? SHORT : FULL);
  const chosen = all.filter(({ id, floor }) => (grep?.test(id) ?? true) && (!gate || floor !== undefined));
  if (chosen.length === 0) {
    process.stderr.write(`no case matches ${grep}; there are ${all.map(({ id }) => id).join(', ')}\n`);
    return 2;
  }
  const results: XdsResult[] = [];
  for (const each of chosen) {
    results.push(await measure(each, rounds));
    process.stderr.write(`${each.id} ${figure(results.at(-1)?.ratio ?? 0)}\n`);
  }
  process.stdout.write(renderTable(results));
  if (json !== undefined) {
    await writeFile(json, renderJson(results));
    process.stderr.write(`results are in ${json}\n`);
  }
  return gate ? judgeFloors(chosen, results, rounds) : 0;
}

async function measure(each: XdsCase, rounds: number): Promise<XdsResult> {
  const taken = await each.run(rounds);
  const [subjectTook, peerTook] = [median(taken.map(({ subject }) => subject)), median(taken.map(({ peer }) => peer))];
  return { ...summarize(each, taken), unit: each.unit, subjectTook, peerTook };
}

async function judgeFloors(cases: readonly XdsCase[], results: readonly Result[], rounds: number): Promise<number> {
  const floors = cases.map(({ id, floor = 0 }): [string, Baseline[string]] => [id, { floor, ratio: floor }]);
  const verdict = await judge(Object.fromEntries(floors), results, async (id) => {
    const again = cases.find((candidate) => candidate.id === id);
    if (!again) throw new Error(`no case '${id}'`);
    // Longer than the first time: what decides should be the better measurement.
    return measure(again, rounds * 2);
  });
  process.stdout.write(renderVerdict(verdict, results.length));
  return verdict.failures.length === 0 ? 0 : 1;
}

function renderTable(results: readonly XdsResult[]): string {
  const rows = results.map(({ id, ratio, min, max, unit, subjectTook, peerTook, peer }) => [
    id,
    figure(ratio),
    `${figure(min)} - ${figure(max)}`,
    quantity(subjectTook, unit),
    quantity(peerTook, unit),
    peer,
  ]);
  return layOut([['ID', 'RATIO', 'MIN - MAX', 'SUBJECT', 'PEER', ''], ...rows]);
}

function quantity(value: number, unit: string): string {
  if (!unit.includes('seconds')) return `${Math.round(value)} ${unit}`;
  return `${figure(value * 1000)} ${unit.replace('seconds', 'ms')}`;
}
