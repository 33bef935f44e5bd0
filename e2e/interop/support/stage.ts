/**
 * The whole scene as one thing: namespaces, files, control planes, applications, proxies, the real ztunnel. Every step
 * waits on readiness, and a failure at any step takes everything down again.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDoors, type Doors, findPrograms, type HostPort } from '@isthmus/tools/lab';
import { until } from '../../support/wait.js';
import { type ControlPlanes, type Ground, type OpenControlPlanes, openOurs } from './control-planes.js';
import type { Variation } from './manifests.js';
import { createTwoNamespaces } from './namespaces.js';
import { createProcesses, type Processes, type Spec } from './processes.js';
import { OUR_PROXIES, ourProxySpec, REAL_HOLDER, realZtunnelSpec } from './programs.js';
import { CLUSTERS, type ClusterId, CONTROL_PLANE, ECHO_PORT, OURS, REAL_IP, type Side, WEB_PORT } from './world.js';

export interface Stage {
  log(name: string): string;
  /** An address here that leads to that one in the namespace. */
  door(side: Side, host: string, port: number): Promise<HostPort>;
  /** GET of a page in the namespace; rejects unless it is answered 200. */
  page(side: Side, host: string, port: number, path: string): Promise<string>;
  /** Makes the objects of the cluster so, all of them. */
  apply(cluster: ClusterId, variation: Variation): Promise<void>;
  /** Ends a process and starts it again, with some of its environment changed; resolves when it is ready. */
  restart(name: string, env?: Spec['env']): Promise<void>;
  stop(name: string): Promise<void>;
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;
const SIDES: readonly Side[] = ['real', 'ours'];

interface Ready {
  readonly side: Side;
  readonly ip: string;
  readonly port: number;
  readonly path: string;
}

const ofProxy = (side: Side, ip: string): Ready => ({ side, ip, port: 15021, path: '/healthz/ready' });

export async function openStage(ztunnel: string, openControlPlanes: OpenControlPlanes = openOurs): Promise<Stage> {
  const programs = findPrograms();
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-interop-'));
  const processes = createProcesses(directory);
  const cleanups: (() => void)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const cleanUp = () => {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  };
  // After that of the processes, for a test run that leaves without closing.
  process.once('exit', cleanUp);
  let controlPlanes: ControlPlanes | undefined;
  const close = async () => {
    await processes.stopAll();
    await controlPlanes?.close();
    cleanUp();
    process.off('exit', cleanUp);
  };
  try {
    const names = createTwoNamespaces();
    cleanups.push(names.remove);
    const namespaces = { real: names.nameOf('real'), ours: names.nameOf('ours') };
    const doors = await openDoors(programs.doorkeeper, directory, { namespaces, processes });
    cleanups.push(() => SIDES.map((side) => doors[side].close()));
    const ground: Ground = {
      ...{ programs, directory, namespaces, processes, overlay: names.overlay },
      door: (side, host, port) => doors[side].to(host, port),
    };
    controlPlanes = await openControlPlanes(ground);
    const roster = controlPlaneRoster(controlPlanes);
    const { apply } = controlPlanes;
    const stage = createStage({ processes, doors, roster, apply, close });
    startApplications(ground);
    await Promise.all([...roster.keys()].map((name) => stage.restart(name)));
    await enrollProxies(ground, ztunnel, controlPlanes, roster);
    await Promise.all(['real/ztunnel', ...OUR_PROXIES.map(({ name }) => name)].map((name) => stage.restart(name)));
    return stage;
  } catch (error) {
    await close();
    throw error;
  }
}

/** All that can be started again, by name. */
type Roster = Map<string, { readonly spec: Spec; readonly ready: Ready }>;

function controlPlaneRoster({ specs, readiness }: ControlPlanes): Roster {
  return new Map(
    CLUSTERS.map((cluster) => {
      const ready: Ready = { side: 'ours', ip: CONTROL_PLANE[cluster], ...readiness };
      return [specs[cluster].name, { spec: specs[cluster], ready }];
    }),
  );
}

async function enrollProxies(
  ground: Ground,
  ztunnel: string,
  { accessOf }: ControlPlanes,
  roster: Roster,
): Promise<void> {
  const real = realZtunnelSpec(ground, ztunnel, await accessOf(REAL_HOLDER));
  roster.set(real.name, { spec: real, ready: ofProxy('real', REAL_IP) });
  for (const proxy of OUR_PROXIES) {
    const spec = ourProxySpec(ground, proxy, await accessOf(proxy));
    roster.set(spec.name, { spec, ready: ofProxy('ours', proxy.ip) });
  }
}

async function openDoors(
  doorkeeper: string,
  directory: string,
  { namespaces, processes }: Pick<Ground, 'namespaces' | 'processes'>,
): Promise<Record<Side, Doors>> {
  for (const side of SIDES) {
    const command = [process.execPath, doorkeeper, join(directory, `${side}.sock`)] as const;
    processes.start({ name: `${side}/doorkeeper`, namespace: namespaces[side], command, env: {} });
    await until(`the door to ${side}`, () => existsSync(join(directory, `${side}.sock`)) || undefined);
  }
  return {
    real: createDoors(join(directory, 'real.sock')),
    ours: createDoors(join(directory, 'ours.sock')),
  };
}

function startApplications({ namespaces, processes }: Ground): void {
  const start = (side: Side, ip: string, name: string) => {
    const command = [process.execPath, beside('application.mjs'), ip, `${ECHO_PORT}`, `${WEB_PORT}`, name] as const;
    processes.start({ name: `app/${name}`, namespace: namespaces[side], command, env: {} });
  };
  start('real', REAL_IP, 'zt-app');
  start('ours', OURS.eastZtunnel, 'ts-app');
  start('ours', OURS.westZtunnel, 'remote-app');
}

interface Parts {
  readonly processes: Processes;
  readonly doors: Readonly<Record<Side, Doors>>;
  readonly roster: Roster;
  readonly apply: Stage['apply'];
  readonly close: () => Promise<void>;
}

function createStage({ processes, doors, roster, apply, close }: Parts): Stage {
  const page: Stage['page'] = async (side, host, port, path) => {
    const door = await doors[side].to(host, port);
    const response = await fetch(`http://${door.host}:${door.port}${path}`, { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} at ${host}:${port} in ${side}: ${response.status} ${text}`);
    return text;
  };
  return {
    page,
    apply,
    close,
    log: processes.log,
    stop: processes.stop,
    door: (side, host, port) => doors[side].to(host, port),
    async restart(name, env = {}) {
      const { spec, ready } = roster.get(name) ?? {};
      if (!spec || !ready) throw new Error(`no process ${name}; there are ${[...roster.keys()].join(', ')}`);
      await processes.stop(name);
      processes.start({ ...spec, env: { ...spec.env, ...env } });
      const untilReady = async () => {
        const exit = processes.exitOf(name);
        if (exit !== undefined) return `${exit}; its log:\n${processes.log(name).slice(-2_000)}`;
        await page(ready.side, ready.ip, ready.port, ready.path);
        return '';
      };
      const ended = await until(`${name} to be ready`, untilReady, START_TIMEOUT_MS);
      if (ended !== '') throw new Error(`${name} ended: ${ended}`);
    },
  };
}

function beside(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
