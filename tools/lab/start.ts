/**
 * Starts a lab and hands out what a user or a test needs of it. Order: addresses, files, credentials; control planes; apps;
 * proxies. Every step waits on readiness, never on time; a failure at any step ends and removes everything.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { issueCredentials } from './credentials.js';
import { createFiles, type LabFiles } from './files.js';
import { type Ground, loopbackGround } from './ground.js';
import { netnsCallers } from './netns/callers.js';
import { netnsGround } from './netns/ground.js';
import { joinControlPlanes } from './peers.js';
import { type Planned, planProcesses, type Stage, stagesOf } from './plan.js';
import { controlPlaneConfiguration, controlPlaneName, proxiesOf, type Remote } from './process-specs.js';
import { createProcesses, type Processes } from './processes.js';
import { findPrograms, type Programs } from './programs.js';
import { type Progress, silentProgress } from './progress.js';
import { untilReady } from './readiness.js';
import { scrapeAll } from './scrape.js';
import type { Series } from './series.js';
import { clustersOf, type World } from './topology.js';
import { type Callers, loopbackCallers } from './traffic.js';

export interface StartOptions {
  /** Peer metadata exchange of all proxies. Default on. */
  readonly baggage?: boolean;
  readonly progress?: Progress;
  /** Where logs are written and kept; default the lab's directory, removed with it. */
  readonly keepLogs?: string;
  /** Of the proxies. Default `info`. */
  readonly logLevel?: string;
  /** Of each network. Default 1. */
  readonly eastWestGateways?: number;
  /** Where it stands: on loopback addresses of this machine (default), or in network namespaces, which takes root. */
  readonly ground?: 'loopback' | 'netns';
  /** How a control plane learns of the other cluster. Default `peers`. */
  readonly remote?: Remote;
  /** Further settings of all proxies, by the names of their environment variables. */
  readonly proxySettings?: Readonly<Record<string, string>>;
  /** Further settings of ztunnels only. */
  readonly ztunnelSettings?: Readonly<Record<string, string>>;
  /** Of all processes, besides what each is given. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Aborts the start; what was started is ended. */
  readonly signal?: AbortSignal;
}

export interface Lab {
  readonly world: World;
  readonly files: LabFiles;
  readonly processes: Processes;
  readonly namespaceOf: Ground['namespaceOf'];
  readonly reach: Ground['reach'];
  /** Who makes the traffic of a run. */
  readonly callers: Callers;
  /** Starts a process that has ended, as it was started before; resolves when it is ready. */
  start(name: string, signal?: AbortSignal): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(name: string): Promise<void>;
  /** Everything the process has logged. */
  log(name: string): string;
  /** Traffic series of all proxies that run. */
  scrape(): Promise<readonly Series[]>;
  /** Ends all processes and removes the directory. Idempotent. */
  close(): Promise<void>;
}

const PASSES = {
  peers: 'HBONE to gateways and what control planes say to each other, nothing else',
  directories: 'HBONE to gateways only',
} as const satisfies Record<Remote, string>;

/** For one process; on an idle machine it takes a second. */
const START_TIMEOUT_MS = 60_000;

export async function startLab(options: StartOptions = {}): Promise<Lab> {
  const {
    baggage = true,
    logLevel = 'info',
    progress = silentProgress,
    proxySettings = {},
    ztunnelSettings = {},
    environment = {},
    remote = 'peers',
  } = options;
  const programs = findPrograms();
  const netns = options.ground === 'netns' ? netnsGround(programs, options.eastWestGateways) : undefined;
  const ground = netns ?? (await loopbackGround(options.eastWestGateways));
  const { world } = ground;
  const files = createFiles(world, options.keepLogs);
  const processes = createProcesses(programs.guard, files.logs);
  processes.tellGuard(`dir ${files.directory}`);
  progress.step(`${ground.where}, files in ${files.directory}`);

  const proxyOptions = { baggage, logLevel, settings: proxySettings, ztunnelSettings };
  const planned = planProcesses(programs, ground, files, proxyOptions);
  const stages = stagesOf(world);
  const lab = createLab({ ground, programs, files, processes, planned, stages, environment });
  try {
    await netns?.open(processes, files.directory, remote);
    if (netns) progress.step(`networks are joined by a cable that passes ${PASSES[remote]}; pods are captured`);
    await issueCredentials(world, files);
    writeConfigurations(world, files, remote);
    progress.step('certificate authorities of both clusters under one root, a token for each proxy');
    for (const { what, names } of stages) {
      await Promise.all(names.map((name) => lab.start(name, options.signal)));
      progress.step(`${what} are ready: ${names.join(', ')}`);
      if (remote === 'peers' && names.includes(controlPlaneName(world.clusters.east))) {
        await joinControlPlanes(ground, programs.controlPlane, files);
        progress.step('control planes are peers by an invitation: each tells the other what it exports');
      }
    }
    return lab;
  } catch (error) {
    await lab.close();
    throw error;
  }
}

function writeConfigurations(world: World, files: LabFiles, remote: Remote): void {
  for (const cluster of clustersOf(world)) {
    const text = stringify(controlPlaneConfiguration(world, cluster, files, remote));
    writeFileSync(files.configuration(cluster), text, { mode: 0o600 });
  }
}

interface Parts {
  readonly ground: Ground;
  readonly programs: Programs;
  readonly files: LabFiles;
  readonly processes: Processes;
  readonly planned: ReadonlyMap<string, Planned>;
  readonly stages: readonly Stage[];
  readonly environment: Readonly<Record<string, string>>;
}

function createLab({ ground, programs, files, processes, planned, stages, environment }: Parts): Lab {
  const { world } = ground;
  let closing: Promise<void> | undefined;
  const isRunning = (name: string) => processes.list().some(({ spec, exit }) => spec.name === name && !exit());

  async function closeAll(): Promise<void> {
    // Callers before callees: what is logged then is not a failure that is only the end of the lab.
    for (const { names } of [...stages].reverse()) await processes.stop(names.filter(isRunning));
    await processes.close();
    await ground.release();
    files.remove();
  }

  return {
    world,
    files,
    processes,
    namespaceOf: ground.namespaceOf,
    reach: ground.reach,
    callers: world.clusters.east.placement === 'pod' ? netnsCallers(ground, programs) : loopbackCallers(world),
    async start(name, signal) {
      const found = planned.get(name);
      if (!found) throw new Error(`no process ${name}; there are ${[...planned.keys()].join(', ')}`);
      const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
      const spec = { ...found.spec, env: { ...found.spec.env, ...environment } };
      await untilReady(processes.start(spec), found.probe, signal ? AbortSignal.any([signal, timeout]) : timeout);
    },
    async kill(name) {
      const running = processes.get(name);
      running.signal('SIGKILL');
      await running.exited;
    },
    log: (name) => readFileSync(processes.get(name).logFile, 'utf8'),
    scrape: () =>
      scrapeAll(
        proxiesOf(world)
          .filter((each) => isRunning(each.process))
          .map(({ proxy, ip, cluster }) => ({ proxy, ip, reach: ground.reach(cluster) })),
      ),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
