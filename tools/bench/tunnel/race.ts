/**
 * Races subject and peer: both are started, both prove that no byte is lost, then they take turns, the order turned round
 * each round. What one side comes to in a round is a window of a running load, after a warm-up.
 */
import { median, type Result, type Round, summarize } from '../statistics.js';
import { readCapacity, shortageOf } from './capacity.js';
import type { Effort, Metric, Row, Scenario } from './cases.js';
import type { IntegrityInit, RelayKind } from './contract.js';
import { Mesh, type Window } from './mesh.js';

export interface RaceInit {
  readonly effort: Effort;
  readonly node: string;
  readonly progress: (text: string) => void;
}

/** A row of the table: ratio > 1 says that the subject is that many times better. */
export interface TunnelResult extends Result {
  readonly metric: Metric;
  readonly unit: Scenario['unit'];
  readonly figures: { readonly subject: Figures; readonly peer: Figures };
}

/** Medians over the rounds. */
export interface Figures {
  readonly megabytesPerSecond?: number;
  readonly operationsPerSecond?: number;
  readonly cpuSecondsPerGigabyte?: number;
  readonly cpuMicrosecondsPerOperation?: number;
  readonly p50Microseconds?: number;
  readonly p99Microseconds?: number;
  readonly rssBytesPerTunnel?: number;
}

/** The test before a race. */
const INTEGRITY: Omit<IntegrityInit, 'port'> = { connections: 8, bytes: 4_000_000, inTurns: false };
/**
 * node:http2 of Node 20 does not read while a write waits for the socket. With windows larger than the kernel's socket
 * buffers two of them that both send wait for each other for ever, so with these it is tried with what the buffers hold.
 */
const INTEGRITY_OF_TUNED_HTTP2: typeof INTEGRITY = { connections: 8, bytes: 250_000, inTurns: true };
/** Opened before memory is first read, so that code and buffers of the first tunnels count for nobody. */
const SETTLING_TUNNELS = 200;

/** What one side came to in one round. */
type Sample = Window & { readonly rssBytes?: number };
type Side = 'subject' | 'peer';

/** Why this machine cannot race it; undefined when it can. */
export function obstacleTo(scenario: Scenario, { idleTunnels }: Effort): string | undefined {
  const shortage = isIdle(scenario) ? shortageOf(readCapacity(), SETTLING_TUNNELS + idleTunnels) : undefined;
  return shortage && `${scenario.name}: ${shortage}`;
}

export async function race(scenario: Scenario, init: RaceInit): Promise<TunnelResult[]> {
  const samples = isIdle(scenario) ? await idleRounds(scenario, init) : await loadedRounds(scenario, init);
  return scenario.rows.map((row) => resultOf(scenario, row, samples));
}

function isIdle({ rows }: Scenario): boolean {
  return rows.some(({ metric }) => metric === 'rss');
}

async function loadedRounds(scenario: Scenario, init: RaceInit): Promise<Record<Side, Sample>[]> {
  const meshes = await startBoth(scenario, init);
  const turn = (side: Side) => loaded(meshes[side], scenario, init.effort);
  try {
    await Promise.all([meshes.subject, meshes.peer].map((mesh) => compile(mesh, scenario, init.effort)));
    return await takeTurns(init, turn);
  } finally {
    await Promise.all([meshes.subject.stop(), meshes.peer.stop()]);
  }
}

/** The same load, for V8 to compile by: until then a side costs up to three times what it does later. Both at once. */
async function compile(mesh: Mesh, { load }: Scenario, effort: Effort): Promise<void> {
  await mesh.begin(load(mesh.ports, effort));
  await new Promise((resolve) => setTimeout(resolve, effort.compileMs));
  await mesh.end();
}

async function loaded(mesh: Mesh, { load, watchedLonger = 1 }: Scenario, effort: Effort): Promise<Sample> {
  await mesh.begin(load(mesh.ports, effort));
  await new Promise((resolve) => setTimeout(resolve, effort.warmUpMs));
  const sample = await mesh.watch(effort.windowMs * watchedLonger);
  await mesh.end();
  return sample;
}

/** Memory that was used once is rarely given back: fresh processes for each. */
async function idleRounds(scenario: Scenario, init: RaceInit): Promise<Record<Side, Sample>[]> {
  return takeTurns(init, async (side) => {
    const mesh = await start(scenario, scenario[side], init);
    try {
      return await idle(mesh, scenario, init.effort);
    } finally {
      await mesh.stop();
    }
  });
}

async function idle(mesh: Mesh, { load }: Scenario, effort: Effort): Promise<Sample> {
  await mesh.begin(load(mesh.ports, { ...effort, idleTunnels: SETTLING_TUNNELS }));
  const before = await mesh.rssBytes();
  await mesh.begin(load(mesh.ports, effort));
  const after = await mesh.rssBytes();
  return { seconds: 0, bytes: 0, cpuSeconds: 0, operations: effort.idleTunnels, rssBytes: after - before };
}

async function takeTurns(init: RaceInit, turn: (side: Side) => Promise<Sample>): Promise<Record<Side, Sample>[]> {
  const rounds: Record<Side, Sample>[] = [];
  for (let round = 0; round < init.effort.rounds; round++) {
    init.progress(`round ${round + 1} of ${init.effort.rounds}`);
    if (round % 2 === 0) {
      const subject = await turn('subject');
      rounds.push({ subject, peer: await turn('peer') });
    } else {
      const peer = await turn('peer');
      rounds.push({ peer, subject: await turn('subject') });
    }
  }
  return rounds;
}

async function startBoth(scenario: Scenario, init: RaceInit): Promise<Record<Side, Mesh>> {
  const subject = await start(scenario, scenario.subject, init);
  try {
    return { subject, peer: await start(scenario, scenario.peer, init) };
  } catch (error) {
    await subject.stop();
    throw error;
  }
}

/** Started, and found to lose nothing. */
export async function start(
  scenario: Scenario,
  relay: RelayKind,
  init: Pick<RaceInit, 'node' | 'progress'>,
): Promise<Mesh> {
  const { node, progress } = init;
  const mesh = await Mesh.start({
    relay,
    gateway: scenario.gateway ?? false,
    splitLoad: isIdle(scenario),
    node,
  });
  try {
    progress(`${relay}: do bytes arrive`);
    await mesh.verify(relay === 'http2-tuned' ? INTEGRITY_OF_TUNED_HTTP2 : INTEGRITY);
    return mesh;
  } catch (error) {
    await mesh.stop();
    throw new Error(`${scenario.name}: ${relay} does not pass the test of half-closed transfers`, { cause: error });
  }
}

function resultOf(scenario: Scenario, row: Row, samples: readonly Record<Side, Sample>[]): TunnelResult {
  const { unit, subject, peer } = scenario;
  const rounds = samples.map((sample): Round => {
    const costOfSide = (side: Side) => costOf(row.metric, unit, sample[side]);
    return { subject: costOfSide('subject'), peer: costOfSide('peer') };
  });
  const figuresOf = (side: Side) =>
    figures(
      unit,
      samples.map((sample) => sample[side]),
    );
  return {
    ...summarize({ id: row.id, subject, peer }, rounds),
    metric: row.metric,
    unit,
    figures: { subject: figuresOf('subject'), peer: figuresOf('peer') },
  };
}

/** Lower is better. */
function costOf(metric: Metric, unit: Scenario['unit'], sample: Sample): number {
  const done = unit === 'byte' ? sample.bytes : sample.operations;
  switch (metric) {
    case 'rate':
      return sample.seconds / done;
    case 'cpu':
      return sample.cpuSeconds / done;
    case 'p99':
      return sample.p99 ?? Number.NaN;
    case 'rss':
      return (sample.rssBytes ?? Number.NaN) / done;
  }
}

function figures(unit: Scenario['unit'], samples: readonly Sample[]): Figures {
  const middle = (of: (sample: Sample) => number | undefined) => {
    const values = samples.map(of).filter((value) => value !== undefined && Number.isFinite(value));
    return values.length === samples.length ? median(values as number[]) : undefined;
  };
  const perSecond = (done: (sample: Sample) => number) => middle((sample) => done(sample) / sample.seconds);
  const named =
    unit === 'byte'
      ? {
          megabytesPerSecond: perSecond(({ bytes }) => bytes / 1e6),
          cpuSecondsPerGigabyte: middle(({ cpuSeconds, bytes }) => cpuSeconds / (bytes / 1e9)),
        }
      : {
          operationsPerSecond: perSecond(({ operations }) => operations),
          cpuMicrosecondsPerOperation: middle(({ cpuSeconds, operations, seconds }) =>
            seconds > 0 ? (cpuSeconds * 1e6) / operations : undefined,
          ),
          p50Microseconds: middle(({ p50 }) => (p50 === undefined ? undefined : p50 * 1e6)),
          p99Microseconds: middle(({ p99 }) => (p99 === undefined ? undefined : p99 * 1e6)),
          rssBytesPerTunnel: middle(({ rssBytes, operations }) =>
            rssBytes === undefined ? undefined : rssBytes / operations,
          ),
        };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) as Figures;
}
