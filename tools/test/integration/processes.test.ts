import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProcesses, type Processes, tailOf } from '../../lab/processes.js';

const GUARD = fileURLToPath(new URL('../../dist/lab/guard.js', import.meta.url));
const IDLE = 'setInterval(() => {}, 1000); console.log("up");';
const STUBBORN = `process.on("SIGTERM", () => console.log("no")); ${IDLE}`;

let directory: string;
let processes: Processes;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-lab-'));
  processes = createProcesses(GUARD, directory);
});

afterEach(async () => {
  await processes.close();
  rmSync(directory, { recursive: true, force: true });
});

function start(name: string, code: string, env: Record<string, string> = {}) {
  const program = join(directory, `${name}.cjs`);
  writeFileSync(program, code);
  return processes.start({ name, program, args: [], env });
}

async function untilLogged(file: string, text: string): Promise<void> {
  while (!readFileSync(file, 'utf8').includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** An orphan that has ended may still be listed until the system's init notices. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('processes of a lab', () => {
  it('log to a file of their own and say how they ended', async () => {
    const running = start('short', 'console.log("out"); console.error("err"); process.exit(3)');

    await running.exited;

    expect(running.exit()).toBe('code 3');
    expect(tailOf(running.logFile)).toBe('    out\n    err');
  });

  it('get the environment they were given and nothing of ours', async () => {
    const running = start('env', 'console.log(JSON.stringify(process.env))', { ONLY: 'this' });

    await running.exited;

    expect(JSON.parse(readFileSync(running.logFile, 'utf8'))).toEqual({ ONLY: 'this' });
  });

  it('are killed when they do not end in time', async () => {
    const running = start('stubborn', STUBBORN);
    await untilLogged(running.logFile, 'up');

    await processes.stop(['stubborn'], 100);

    expect(running.exit()).toBe('signal SIGKILL');
  });

  it('cannot be started twice under one name, and can be started again after they ended', async () => {
    const first = start('again', IDLE);

    expect(() => start('again', IDLE)).toThrow('again is running already');
    await processes.stop(['again']);
    const second = start('again', IDLE);

    expect(second.pid).not.toBe(first.pid);
    await processes.stop(['again']);
  });
});

describe('the guard', () => {
  it('ends what is left and removes the directory when the lab is killed', async () => {
    const victims = join(directory, 'isthmus-lab-victim');
    mkdirSync(victims);
    const lab = join(directory, 'lab.cjs');
    writeFileSync(
      lab,
      `const { spawn } = require('node:child_process');
       const guard = spawn(process.execPath, [${JSON.stringify(GUARD)}], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
       const child = spawn(process.execPath, ['-e', ${JSON.stringify(IDLE)}], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
       guard.stdin.write('dir ' + ${JSON.stringify(victims)} + '\\n+ ' + child.pid + '\\n');
       child.stdout.once('data', () => console.log(JSON.stringify([guard.pid, child.pid])));`,
    );
    const owner = spawn(process.execPath, [lab], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [guardPid, childPid] = await new Promise<[number, number]>((resolve) =>
      owner.stdout.once('data', (data: Buffer) => resolve(JSON.parse(data.toString()))),
    );

    owner.kill('SIGKILL');
    await untilGone(childPid);
    await untilGone(guardPid);

    expect(existsSync(victims)).toBe(false);
  });

  it('leaves directories alone that are not a lab’s', async () => {
    const precious = join(directory, 'precious');
    mkdirSync(precious);

    processes.tellGuard(`dir ${precious}`);
    await processes.close();

    expect(existsSync(precious)).toBe(true);
  });
});
