/**
 * Starts a lab and hands out what a user or a test needs of it. Order: addresses, files, credentials; control planes and
 * apps; proxies. Every step waits on readiness, never on time; a failure at any step ends and removes everything.
 */
import { readFileSync } from 'node:fs';
import { reserveSlice } from './address-plan.js';
import { controlPlaneSpec, issueCredentials } from './credentials.js';
import { createFiles, type LabFiles } from './files.js';
import {
  appSpec,
  controlPlaneName,
  gatewaySpec,
  processName,
  proxiesOf,
  proxyPods,
  ztunnelSpec,
} from './process-specs.js';
import { createProcesses, type Processes, type ProcessSpec } from './processes.js';
import { findPrograms } from './programs.js';
import { type Progress, silentProgress } from './progress.js';
import { httpReady, type Probe, portOpen, untilReady } from './readiness.js';
import { scrapeAll } from './scrape.js';
import type { Series } from './series.js';
import { buildWorld, type Cluster, clustersOf, type World } from './topology.js';

export interface StartOptions {
  readonly baggage?: boolean;
  readonly progress?: Progress;
  readonly keepLogs?: string;
  readonly logLevel?: string;
  /** Aborts the start; what was started is ended. */
  readonly signal?: AbortSignal;
}

export interface Lab {
  readonly world: World;
  readonly files: LabFiles;
  readonly processes: Processes;
  /** Starts a process that has ended, as it was started before; resolves when it is ready. */
  start(name: string): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(name: string): Promise<void>;
  /** Everything the process has logged. */
  log(name: string): string;
  /** Traffic series of all proxies that run. */
  scrape(): Promise<readonly Series[]>;
  /** Ends all processes and removes the directory. Idempotent. */
  close(): Promise<void>;
}

interface Planned {
  readonly spec: ProcessSpec;
  readonly probe: Probe;
}

const START_TIMEOUT_MS = 60_000;

export async function startLab(options: StartOptions = {}): Promise<Lab> {
  const progress = options.progress ?? silentProgress;
  const programs = findPrograms();
  const slice = await reserveSlice();
  const world = buildWorld(slice);
  const files = createFiles(world, options.keepLogs);
  const processes = createProcesses(programs.guard, files.logs);
  processes.tellGuard(`dir ${files.directory}`);
  progress.step(`addresses 127.${slice.number}.0.0/16, files in ${files.directory}`);

  const proxyOptions = { baggage: options.baggage ?? true, logLevel: options.logLevel ?? 'info' };
  const planned = new Map(
    clustersOf(world)
      .flatMap((cluster) => plan(cluster))
      .map((each) => [each.spec.name, each] as const),
  );
  const signal = AbortSignal.any([AbortSignal.timeout(START_TIMEOUT_MS), ...(options.signal ? [options.signal] : [])]);

  function plan(cluster: Cluster): readonly Planned[] {
    const ready = (spec: ProcessSpec, ip: string) => ({ spec, probe: httpReady(ip) });
    return [
      ready(controlPlaneSpec(programs, world, cluster, files), cluster.controlPlaneIp),
      ...cluster.apps.map((pod) => ({
        spec: appSpec(programs, cluster, pod),
        probe: portOpen(pod.ip, pod.listenPort),
      })),
      ready(ztunnelSpec(programs, cluster, files, proxyOptions), cluster.ztunnel.ip),
      ...cluster.gateways.map((pod) => ready(gatewaySpec(programs, cluster, pod, files, proxyOptions), pod.ip)),
    ];
  }

  async function start(name: string): Promise<void> {
    const found = planned.get(name);
    if (!found) throw new Error(`no process ${name}; there are ${[...planned.keys()].join(', ')}`);
    await untilReady(
      processes.start(found.spec),
      found.probe,
      signal.aborted ? AbortSignal.timeout(START_TIMEOUT_MS) : signal,
    );
  }

  let closing: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    // Callers before callees: nothing then reports a failure that is only the end of the lab.
    const running = (names: readonly string[]) =>
      names.filter((name) => processes.list().some(({ spec }) => spec.name === name));
    for (const stage of [...stages(world)].reverse()) await processes.stop(running(stage.names));
    await processes.close();
    await slice.release();
    files.remove();
  }

  const lab: Lab = {
    world,
    files,
    processes,
    start,
    async kill(name) {
      const running = processes.get(name);
      running.signal('SIGKILL');
      await running.exited;
    },
    log: (name) => readFileSync(processes.get(name).logFile, 'utf8'),
    scrape: () => scrapeAll(proxiesOf(world).filter(({ proxy }) => processes.get(proxy).exit() === undefined)),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };

  try {
    await issueCredentials(programs, world, files, signal);
    progress.step('certificate authorities of both clusters, one root; a token for each proxy');
    for (const { what, names } of stages(world)) {
      await Promise.all(names.map(start));
      progress.step(`${what}: ${names.join(', ')}`);
    }
    return lab;
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** What can start at the same time, in the order in which one needs the other. */
function stages(world: World): readonly { readonly what: string; readonly names: readonly string[] }[] {
  const clusters = clustersOf(world);
  const apps = clusters.flatMap((cluster) => cluster.apps.map((pod) => processName(cluster, pod)));
  const proxies = clusters.flatMap((cluster) => proxyPods(cluster).map((pod) => processName(cluster, pod)));
  return [
    { what: 'control planes and apps are ready', names: [...clusters.map(controlPlaneName), ...apps] },
    { what: 'proxies are ready', names: proxies },
  ];
}
