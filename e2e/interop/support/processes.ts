/**
 * Processes inside network namespaces: each with exactly the environment it is given and a log of its own, signalled by its
 * own id only. `ip netns exec` becomes the program, so its id is the program's.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Spec {
  /** `east/waypoint`: unique, and the name of the log. */
  readonly name: string;
  readonly namespace: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs; by default where the logs are. */
  readonly directory?: string;
}

export interface Processes {
  start(spec: Spec): void;
  /** For whoever ends it by itself; nobody reads what it says. */
  spawn(spec: Pick<Spec, 'namespace' | 'command' | 'env'>): ChildProcess;
  /** What it ended with; undefined while it runs. */
  exitOf(name: string): string | undefined;
  /** SIGTERM, and SIGKILL after a grace; resolves when it is gone. */
  stop(name: string): Promise<void>;
  stopAll(): Promise<void>;
  log(name: string): string;
}

const GRACE_MS = 5_000;

export function createProcesses(logDirectory: string): Processes {
  const children = new Map<string, ChildProcess>();
  const others: ChildProcess[] = [];
  const logFile = (name: string) => join(logDirectory, `${name.replaceAll('/', '-')}.log`);
  const ended = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;
  // If this process leaves without having cleaned up, at least nothing of it stays.
  const killAll = () => {
    for (const child of [...children.values(), ...others]) if (!ended(child)) child.kill('SIGKILL');
  };
  process.once('exit', killAll);

  async function stop(name: string): Promise<void> {
    const child = children.get(name);
    if (!child || ended(child)) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await gone;
    clearTimeout(timer);
  }

  const spawnIn = ({ namespace, command }: Pick<Spec, 'namespace' | 'command'>, options: SpawnOptions) =>
    spawn('ip', ['netns', 'exec', namespace, ...command], options);

  return {
    spawn({ env, ...rest }) {
      const child = spawnIn(rest, { env, cwd: logDirectory, stdio: 'ignore' });
      others.push(child);
      return child;
    },
    start({ name, env, directory = logDirectory, ...rest }) {
      const log = openSync(logFile(name), 'a', 0o600);
      const child = spawnIn(rest, { env, cwd: directory, stdio: ['ignore', log, log] });
      closeSync(log);
      // Told by `exitOf`; unheard, the event would end the test run.
      child.on('error', () => {});
      children.set(name, child);
    },
    exitOf(name) {
      const child = children.get(name);
      if (!child || child.pid === undefined) return 'not started';
      return ended(child) ? `code ${child.exitCode}, signal ${child.signalCode}` : undefined;
    },
    stop,
    async stopAll() {
      await Promise.all([...children.keys()].map(stop));
      process.off('exit', killAll);
    },
    log: (name) => readFileSync(logFile(name), 'utf8'),
  };
}
