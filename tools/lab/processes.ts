/**
 * The lab's processes: each is spawned with exactly the environment it is given, logs to a file of its own, is known to the
 * guard from its first moment, and is only ever signalled by its own id. Nothing here knows what the processes are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessSpec {
  /** `east/waypoint`: unique in a lab, and the name of the log. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The network namespace it runs in; the lab's own when absent. */
  readonly namespace?: string;
  /** The group it runs as; the lab's own when absent. */
  readonly gid?: number;
}

export interface RunningProcess {
  readonly spec: ProcessSpec;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with `code 1` or `signal SIGKILL`; never rejects. */
  readonly exited: Promise<string>;
  /** Undefined while it runs. */
  exit(): string | undefined;
  signal(signal: NodeJS.Signals): void;
}

export interface Processes {
  start(spec: ProcessSpec): RunningProcess;
  get(name: string): RunningProcess;
  list(): readonly RunningProcess[];
  /** SIGTERM, then SIGKILL after the grace; resolves when it is gone. */
  stop(names: readonly string[], graceMs?: number): Promise<void>;
  /** What the guard is told besides processes. */
  tellGuard(line: string): void;
  /** Ends the guard, which ends and removes what is still there. */
  close(): Promise<void>;
}

const STOP_GRACE_MS = 4_000;

export function createProcesses(guardProgram: string, logDirectory: string): Processes {
  const known = new Map<string, RunningProcess>();
  const guard = spawn(process.execPath, [guardProgram], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const guardGone = new Promise<void>((resolve) => guard.once('exit', () => resolve()));
  // A guard that was killed by hand must not take the lab with it.
  guard.stdin.on('error', () => {});
  const tellGuard = (line: string) => void guard.stdin.write(`${line}\n`);

  function start(spec: ProcessSpec): RunningProcess {
    const before = known.get(spec.name);
    if (before && before.exit() === undefined) throw new Error(`${spec.name} is running already`);
    const logFile = join(logDirectory, `${spec.name.replaceAll('/', '-')}.log`);
    const log = openSync(logFile, 'a', 0o600);
    const [program, ...args] = commandOf(spec);
    const child = spawn(program, args, {
      // Ctrl-C in the terminal reaches the lab only, and the lab decides in which order things end.
      detached: true,
      env: spec.env,
      stdio: ['ignore', log, log],
      ...(spec.gid !== undefined && { gid: spec.gid }),
    });
    closeSync(log);
    // A program that cannot be spawned has no pid, which is told below; unheard, the event would end the lab.
    child.on('error', () => {});
    if (child.pid === undefined) throw new Error(`${spec.name} could not be started: ${spec.program}`);
    tellGuard(`+ ${child.pid}`);
    const running = watch(spec, child, child.pid, logFile);
    void running.exited.then(() => tellGuard(`- ${running.pid}`));
    known.set(spec.name, running);
    return running;
  }

  function get(name: string): RunningProcess {
    const found = known.get(name);
    if (!found) throw new Error(`no process ${name}; there are ${[...known.keys()].join(', ')}`);
    return found;
  }

  async function stop(names: readonly string[], graceMs = STOP_GRACE_MS): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const running = get(name);
        if (running.exit() !== undefined) return;
        running.signal('SIGTERM');
        const kill = setTimeout(() => running.signal('SIGKILL'), graceMs);
        await running.exited;
        clearTimeout(kill);
      }),
    );
  }

  return {
    start,
    get,
    list: () => [...known.values()],
    stop,
    tellGuard,
    async close() {
      guard.stdin.end();
      await guardGone;
    },
  };
}

/** What to spawn. `ip netns exec` becomes the program, so its id is the program's. */
export function commandOf({
  namespace,
  program,
  args,
}: Pick<ProcessSpec, 'namespace' | 'program' | 'args'>): readonly [program: string, ...args: string[]] {
  const command = /\.[cm]?js$/.test(program)
    ? ([process.execPath, program, ...args] as const)
    : ([program, ...args] as const);
  return namespace === undefined ? command : ['ip', 'netns', 'exec', namespace, ...command];
}

function watch(spec: ProcessSpec, child: ChildProcess, pid: number, logFile: string): RunningProcess {
  let exit: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = signal === null ? `code ${code}` : `signal ${signal}`;
      resolve(exit);
    });
  });
  return {
    spec,
    pid,
    logFile,
    exited,
    exit: () => exit,
    signal(signal) {
      if (exit === undefined) child.kill(signal);
    },
  };
}

/** The last lines of a log, for an error message. */
export function tailOf(logFile: string, lines = 12): string {
  const all = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  return all
    .slice(-lines)
    .map((line) => `    ${line.slice(0, 400)}`)
    .join('\n');
}
