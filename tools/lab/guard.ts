/**
 * The lab's watchman: a process of its own that outlives the lab by a moment. It is told on standard input what belongs to
 * the lab; when that input ends, the lab is gone (even by SIGKILL) and what is left is ended and removed.
 *
 *   + <pid>      a process the lab started
 *   - <pid>      it has ended, the number may be somebody else's now
 *   dir <path>   the lab's temporary directory; only a name that starts with the prefix below is accepted
 *   netns <name> a network namespace of the lab, likewise
 */
import { readFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { LAB_PREFIX } from './names.js';
import { removeNamespace } from './netns/namespaces.js';

/** How long ended processes may take before they are killed. */
const GRACE_MS = 3_000;
const POLL_MS = 50;

const running = new Set<number>();
const directories = new Set<string>();
const namespaces = new Set<string>();

for await (const line of createInterface({ input: process.stdin })) {
  const [word = '', ...rest] = line.split(' ');
  const argument = rest.join(' ');
  const pid = Number(argument);
  if (word === '+' && Number.isInteger(pid) && pid > 1) running.add(pid);
  else if (word === '-') running.delete(pid);
  else if (word === 'dir' && basename(argument).startsWith(LAB_PREFIX)) directories.add(argument);
  else if (word === 'netns' && argument.startsWith(LAB_PREFIX) && !argument.includes('/')) namespaces.add(argument);
}

signalAll('SIGTERM');
const deadline = Date.now() + GRACE_MS;
while (running.size > 0 && Date.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  signalAll(0);
}
signalAll('SIGKILL');
for (const name of namespaces) removeNamespace(name);
for (const directory of directories) rmSync(directory, { recursive: true, force: true });

/** Forgets who is not there any more; signal 0 only asks. */
function signalAll(signal: NodeJS.Signals | 0): void {
  for (const pid of running) {
    try {
      process.kill(pid, signal);
      if (isZombie(pid)) running.delete(pid);
    } catch {
      running.delete(pid);
    }
  }
}

/** It has ended, and its new parent takes its time to notice: so it is with the init of many containers. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
