import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../support/wait.js';

/** Behind the program's own 90 s, after which it gives up and says where it was. */
const BEHIND_ITS_OWN = { timeout: 120_000 };

const MAIN = fileURLToPath(new URL('../../tools/dist/lab/main.js', import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

const runs: Run[] = [];

afterEach(async () => {
  for (const { child, exited } of runs.splice(0)) {
    child.kill('SIGTERM');
    await exited;
  }
});

function mesh(...args: readonly string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const run = { child, exited, stdout: () => stdout, stderr: () => stderr };
  runs.push(run);
  return run;
}

interface Report {
  readonly ok: boolean;
  readonly series: readonly {
    readonly metric: string;
    readonly labels: Record<string, string>;
    readonly value: number;
  }[];
  readonly unknown: readonly { readonly label: string; readonly labels: Record<string, string> }[];
  readonly failures: readonly string[];
  readonly seconds: number;
}

/** Processes of the lab that are still there; one that only waits for its parent to notice does not count. */
function alive(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => {
    try {
      process.kill(pid, 0);
      return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  });
}

const directoryOf = (run: Run) => /files in (\S+)/.exec(run.stderr())?.[1] ?? '';
const pidsOf = (run: Run) => [...run.stdout().matchAll(/ pid (\d+)/g)].map(([, pid]) => Number(pid));

describe('npm run mesh, two at once', BEHIND_ITS_OWN, () => {
  it('with baggage is well; without, lists the unknowns of old while traffic works just the same', async () => {
    const withBaggage = mesh('--json');
    const without = mesh('--check', '--json', '--baggage=off');

    const codes = await Promise.all([withBaggage.exited, without.exited]);

    expect(codes, withBaggage.stderr() + without.stderr()).toEqual([0, 1]);
    const on = JSON.parse(withBaggage.stdout()) as Report;
    const off = JSON.parse(without.stdout()) as Report;
    expect(on).toMatchObject({ ok: true, unknown: [], failures: [] });
    expect(on.seconds).toBeGreaterThan(0);
    expect(off).toMatchObject({ ok: false, failures: [] });
    const labels = new Set(off.unknown.map(({ label }) => label));
    for (const label of ['source_cluster', 'source_workload', 'destination_cluster', 'destination_workload']) {
      expect(labels).toContain(label);
    }
    expect(labels).not.toContain('source_principal');
    expect([directoryOf(withBaggage), directoryOf(without)].filter(existsSync)).toEqual([]);
  });
});

describe('npm run mesh, until Ctrl-C', BEHIND_ITS_OWN, () => {
  it.each([
    ['SIGINT', 0],
    ['SIGKILL', null],
  ] as const)('%s leaves no process and no directory', async (signal, code) => {
    const run = mesh('--requests', '4');
    const isUp = async () => {
      if (run.stdout().includes('Ctrl-C')) return true;
      if (run.child.exitCode !== null) return false;
      throw new Error(run.stderr());
    };
    expect(await until('the addresses', isUp, 100_000), run.stderr()).toBe(true);
    const pids = pidsOf(run);
    const directory = directoryOf(run);
    expect(pids.length).toBeGreaterThan(12);
    expect(alive(pids)).toEqual(pids);
    expect(existsSync(directory)).toBe(true);

    run.child.kill(signal);

    expect(await run.exited).toBe(code);
    await until('no process', () => alive(pids).length === 0 || undefined);
    await until('no directory', () => !existsSync(directory) || undefined);
  });
});

describe('npm run mesh, bad options', () => {
  it.each([[['--baggage=maybe']], [['--requests', '0']], [['--frobnicate']]])(
    '%j are refused with exit code 2',
    async (args) => {
      const run = mesh(...args);

      expect(await run.exited).toBe(2);
      expect(run.stderr()).toMatch(/^error: /);
    },
  );

  it('gives up when the time is over, and cleans up', async () => {
    const run = mesh('--check', '--timeout', '1');

    expect(await run.exited).toBe(1);
    expect(run.stderr()).toContain('gave up after 1 s');
    expect(existsSync(directoryOf(run))).toBe(false);
  });
});
