/**
 * The whole scene as one thing: namespaces, files, control planes, applications, proxies, the real ztunnel. Every step
 * waits on readiness, and a failure at any step takes everything down again.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDoors, type Doors, findPrograms, type HostPort } from '@isthmus/tools/lab';
import { until } from '../../support/wait.js';
import { createCredentials } from './credentials.js';
import { manifestsOf, type Variation } from './manifests.js';
import { createTwoNamespaces } from './namespaces.js';
import { createProcesses, type Processes, type Spec } from './processes.js';
import {
  controlPlaneConfiguration,
  controlPlaneSpec,
  OUR_PROXIES,
  ourProxySpec,
  realZtunnelSpec,
  type Setting,
} from './programs.js';
import { type ClusterId, ECHO_PORT, OURS, REAL_IP, type Side, WEB_PORT } from './world.js';

export interface Stage {
  log(name: string): string;
  /** An address here that leads to that one in the namespace. */
  door(side: Side, host: string, port: number): Promise<HostPort>;
  /** GET of a page in the namespace; rejects unless it is answered 200. */
  page(side: Side, host: string, port: number, path: string): Promise<string>;
  /** Replaces the files of the cluster. */
  apply(cluster: ClusterId, variation: Variation): void;
  /** Ends a process and starts it again, with some of its environment changed. */
  restart(name: string, env?: Spec['env']): Promise<void>;
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const SIDES: readonly Side[] = ['real', 'ours'];

/** Readiness is asked for at these addresses. */
const READINESS: Readonly<Record<string, readonly [Side, string]>> = {
  'east/control-plane': ['ours', OURS.eastControlPlane],
  'west/control-plane': ['ours', OURS.westControlPlane],
  'real/ztunnel': ['real', REAL_IP],
  ...Object.fromEntries(OUR_PROXIES.map(({ name, ip }) => [name, ['ours', ip] as const])),
};

export async function openStage(ztunnel: string): Promise<Stage> {
  const programs = findPrograms();
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-interop-'));
  const processes = createProcesses(directory);
  const cleanups: (() => void)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const cleanUp = () => {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  };
  // After that of the processes, for a test run that leaves without closing.
  process.once('exit', cleanUp);
  const close = async () => {
    await processes.stopAll();
    cleanUp();
    process.off('exit', cleanUp);
  };
  try {
    const names = createTwoNamespaces();
    cleanups.push(names.remove);
    const namespaces = { real: names.nameOf('real'), ours: names.nameOf('ours') };
    const credentials = await createCredentials(directory);
    const setting = { programs, ztunnel, directory, credentials, namespaces };
    for (const cluster of ['east', 'west'] as const) writeCluster(setting, cluster);
    const doors = await openDoors(setting, processes);
    cleanups.push(() => SIDES.map((side) => doors[side].close()));
    const specs = await specsOf(setting);
    const stage = createStage({ directory, processes, doors, specs, close });
    startApplications(setting, processes);
    await Promise.all(['east/control-plane', 'west/control-plane'].map((name) => stage.restart(name)));
    await Promise.all(['real/ztunnel', ...OUR_PROXIES.map(({ name }) => name)].map((name) => stage.restart(name)));
    return stage;
  } catch (error) {
    await close();
    throw error;
  }
}

function writeCluster(setting: Setting, cluster: ClusterId): void {
  const { directory } = setting;
  mkdirSync(join(directory, `manifests-${cluster}`));
  writeFileSync(join(directory, `manifests-${cluster}`, 'all.yaml'), manifestsOf(cluster));
  writeFileSync(join(directory, `${cluster}.yaml`), JSON.stringify(controlPlaneConfiguration(setting, cluster)));
}

async function openDoors(
  { programs, directory, namespaces }: Setting,
  processes: Processes,
): Promise<Record<Side, Doors>> {
  for (const side of SIDES) {
    const command = [process.execPath, programs.doorkeeper, join(directory, `${side}.sock`)] as const;
    processes.start({ name: `${side}/doorkeeper`, namespace: namespaces[side], command, env: {} });
    await until(`the door to ${side}`, () => existsSync(join(directory, `${side}.sock`)) || undefined);
  }
  return {
    real: createDoors(join(directory, 'real.sock')),
    ours: createDoors(join(directory, 'ours.sock')),
  };
}

function startApplications({ namespaces }: Setting, processes: Processes): void {
  const start = (side: Side, ip: string, name: string) => {
    const command = [process.execPath, beside('application.mjs'), ip, `${ECHO_PORT}`, `${WEB_PORT}`, name] as const;
    processes.start({ name: `app/${name}`, namespace: namespaces[side], command, env: {} });
  };
  start('real', REAL_IP, 'zt-app');
  start('ours', OURS.eastZtunnel, 'ts-app');
  start('ours', OURS.westZtunnel, 'remote-app');
}

async function specsOf(setting: Setting): Promise<ReadonlyMap<string, Spec>> {
  const specs = await Promise.all([
    controlPlaneSpec(setting, 'east'),
    controlPlaneSpec(setting, 'west'),
    realZtunnelSpec(setting),
    ...OUR_PROXIES.map((proxy) => ourProxySpec(setting, proxy)),
  ]);
  return new Map(specs.map((spec) => [spec.name, spec]));
}

interface Parts {
  readonly directory: string;
  readonly processes: Processes;
  readonly doors: Readonly<Record<Side, Doors>>;
  readonly specs: ReadonlyMap<string, Spec>;
  readonly close: () => Promise<void>;
}

function createStage({ directory, processes, doors, specs, close }: Parts): Stage {
  const page: Stage['page'] = async (side, host, port, path) => {
    const door = await doors[side].to(host, port);
    const response = await fetch(`http://${door.host}:${door.port}${path}`, { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} at ${host}:${port} in ${side}: ${response.status} ${text}`);
    return text;
  };
  return {
    page,
    close,
    log: processes.log,
    door: (side, host, port) => doors[side].to(host, port),
    apply(cluster, variation) {
      const file = join(directory, `manifests-${cluster}`, 'all.yaml');
      // In one step, so that nobody reads half of it.
      writeFileSync(`${file}.new`, manifestsOf(cluster, variation));
      renameSync(`${file}.new`, file);
    },
    async restart(name, env = {}) {
      const spec = specs.get(name);
      const [side, ip] = READINESS[name] ?? [];
      if (!spec || !side || !ip) throw new Error(`no process ${name}; there are ${[...specs.keys()].join(', ')}`);
      await processes.stop(name);
      processes.start({ ...spec, env: { ...spec.env, ...env } });
      const ready = async () => {
        const exit = processes.exitOf(name);
        if (exit !== undefined) return `${exit}; its log:\n${processes.log(name).slice(-2_000)}`;
        await page(side, ip, 15021, '/healthz/ready');
        return '';
      };
      const ended = await until(`${name} to be ready`, ready, START_TIMEOUT_MS);
      if (ended !== '') throw new Error(`${name} ended: ${ended}`);
    },
  };
}

function beside(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
