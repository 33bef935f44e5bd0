/** Files that change without the file system saying so: a directory that was replaced as a whole is watched no longer. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { createVirtualClock, type VirtualClock } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCaStore, makeCacerts } from '../../src/ca/index.js';
import { followFile } from '../../src/files/index.js';
import { captureLogs } from '../support/logs.js';

const RESCAN_MS = 10_000;

let root: string;
let scope: Scope;
let clock: VirtualClock;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'isthmus-follow-'));
  scope = createScope();
  clock = createVirtualClock(Date.now());
});
afterEach(async () => {
  await scope.close();
  await rm(root, { recursive: true });
});

/** So long that only the look from time to time can find anything. */
const deaf = () => ({ clock, quietMs: 10 * RESCAN_MS, maxMs: 10 * RESCAN_MS, rescanMs: RESCAN_MS });

/** In place of the directory, which is moved away with whoever watches it. */
async function replace(directory: string, fill: (directory: string) => Promise<unknown>): Promise<void> {
  await mkdir(`${directory}.next`);
  await fill(`${directory}.next`);
  await rename(directory, `${directory}.old`);
  await rename(`${directory}.next`, directory);
}

it('a file is read anew from time to time', async () => {
  const directory = join(root, 'keys');
  const write = (text: string) => (at: string) => writeFile(join(at, 'file'), text);
  await mkdir(directory);
  await write('one')(directory);
  const read = (text: string) => text;
  const { log } = captureLogs();
  const file = await followFile(scope, { ...deaf(), path: join(directory, 'file'), what: 'file', read, log });
  const replaced = new Promise<void>((resolve) => file.onReplaced(resolve));

  await replace(directory, write('two'));
  clock.advance(RESCAN_MS);

  await replaced;
  expect(file.current).toBe('two');
});

it('a CA is loaded anew from time to time, and what is wrong with it is told once', async () => {
  const directory = join(root, 'ca');
  const make = (out: string) =>
    makeCacerts({ out, root: join(root, 'root'), cluster: 'east', trustDomain: 'cluster.local', now: Date.now() });
  await make(directory);
  const { log, logs, logged } = captureLogs();
  const store = await createCaStore(scope, { ...deaf(), directory, log });
  const before = store.current;
  const replaced = new Promise<void>((resolve) => store.onReplaced(resolve));
  const isAbout = ({ level }: { level: string }) => level === 'error';

  await replace(directory, (at) => writeFile(join(at, 'ca-cert.pem'), 'nothing'));
  clock.advance(RESCAN_MS);
  const line = await logged(isAbout);
  expect(line).toMatchObject({ message: expect.stringMatching(/the CA before stays in force/) });
  expect(store.current).toBe(before);
  await rm(join(root, 'ca.old'), { recursive: true });
  await replace(directory, make);
  // Once more while it is wrong, perhaps, and then it is right.
  while (store.current === before) {
    clock.advance(RESCAN_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }

  await replaced;
  expect(logs.filter(isAbout)).toHaveLength(1);
  expect(store.problem).toBeUndefined();
});
