/** `npm run bench:tunnel`: races, gate or profile, and what becomes of the results. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Baseline, judge } from '../gate.js';
import { figure, renderJson, renderVerdict } from '../report.js';
import { type Effort, FULL, type Row, SCENARIOS, type Scenario, SHORT } from './cases.js';
import { obstacleTo, type RaceInit, race, start, type TunnelResult } from './race.js';
import { renderTunnelTable } from './report.js';

export interface TunnelOptions {
  readonly json?: string;
  readonly grep?: RegExp;
  /** Default: what the effort says. */
  readonly rounds?: number;
  readonly short: boolean;
  readonly gate: boolean;
  /** Id of a row. */
  readonly profile?: string;
  /** The Node that proxies and load run on. Default: this one. */
  readonly node?: string;
}

const PROFILE_MS = 3_000;

export async function tunnel(options: TunnelOptions): Promise<number> {
  const { node = process.execPath } = options;
  if (options.profile !== undefined) return profile(options.profile, node);
  const chosen = SCENARIOS.filter(({ rows }) => rows.some((row) => wanted(row, options)));
  if (chosen.length === 0) return refuse(`no row matches ${options.grep}; there are ${rowIds().join(', ')}`);
  const effort = options.short || options.gate ? SHORT : FULL;
  for (const scenario of chosen) {
    const obstacle = obstacleTo(scenario, effort);
    if (obstacle !== undefined) return refuse(obstacle);
  }
  const init = initOf({ ...effort, rounds: options.rounds ?? effort.rounds }, node);
  const results: TunnelResult[] = [];
  for (const scenario of chosen) results.push(...(await raceOf(scenario, init, options)));
  process.stdout.write(renderTunnelTable(results));
  if (options.json !== undefined) {
    await writeFile(options.json, renderJson(results));
    process.stderr.write(`results are in ${options.json}\n`);
  }
  return options.gate ? gate(results, init) : 0;
}

async function raceOf(scenario: Scenario, init: RaceInit, options: TunnelOptions): Promise<TunnelResult[]> {
  const results = (await race(scenario, init)).filter(({ id }) =>
    scenario.rows.some((row) => row.id === id && wanted(row, options)),
  );
  for (const { id, ratio } of results) process.stderr.write(`${id} ${figure(ratio)}\n`);
  return results;
}

/** Of a gate: only what it judges. */
function wanted(row: Row, { grep, gate }: TunnelOptions): boolean {
  return (grep?.test(row.id) ?? true) && (!gate || isGated(row));
}

/**
 * Floors of CPU, latency and memory. Rates are not judged: three processes on two cores take from each other what they
 * save, and whoever else runs takes the rest.
 */
function isGated({ metric, floor }: Row): boolean {
  return floor !== undefined && metric !== 'rate';
}

/**
 * A row that is below its floor is measured once more, with twice the rounds. It fails when three quarters of those are below:
 * medians of a shared machine differ by 5 % from run to run, and some rows are no further above their floors.
 */
async function gate(results: readonly TunnelResult[], init: RaceInit): Promise<number> {
  const rows = SCENARIOS.flatMap((scenario) => scenario.rows);
  const floors = rows
    .filter(isGated)
    .map(({ id, floor = 0 }): [string, Baseline[string]] => [id, { floor, ratio: floor }]);
  const longer = { ...init, effort: { ...init.effort, rounds: init.effort.rounds * 2 } };
  const verdict = await judge(Object.fromEntries(floors), results, async (id) => {
    const result = (await race(scenarioOf(id), longer)).find((candidate) => candidate.id === id);
    if (!result) throw new Error(`no row '${id}'`);
    return { ...result, ratio: result.upperQuartile };
  });
  process.stdout.write(renderVerdict(verdict, results.length));
  return verdict.failures.length === 0 ? 0 : 1;
}

/** CPU profiles of the subject's proxies under that row's load, started and verified as in a race. */
async function profile(id: string, node: string): Promise<number> {
  if (!rowIds().includes(id)) return refuse(`no row '${id}'; there are ${rowIds().join(', ')}`);
  const scenario = scenarioOf(id);
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-profile-'));
  const mesh = await start(scenario, scenario.subject, initOf(SHORT, node));
  try {
    await mesh.begin(scenario.load(mesh.ports, SHORT));
    await new Promise((resolve) => setTimeout(resolve, SHORT.warmUpMs));
    await mesh.profile(PROFILE_MS, directory);
    await mesh.end();
  } finally {
    await mesh.stop();
  }
  process.stdout.write(`CPU profiles of the proxies under ${scenario.name}: ${directory}\n`);
  return 0;
}

function initOf(effort: Effort, node: string): RaceInit {
  const progress = (text: string) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}\r`);
  return { effort, node: resolve(node), progress };
}

function scenarioOf(id: string): Scenario {
  const scenario = SCENARIOS.find(({ rows }) => rows.some((row) => row.id === id));
  if (!scenario) throw new Error(`no row '${id}'`);
  return scenario;
}

function rowIds(): string[] {
  return SCENARIOS.flatMap(({ rows }) => rows.map(({ id }) => id));
}

function refuse(reason: string): number {
  process.stderr.write(`${reason}\n`);
  return 2;
}
