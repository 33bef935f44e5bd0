import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, realClock, type Scope } from '@isthmus/sdk/runtime';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDirectory } from '../../src/sources/directory.js';
import { createDirectorySource, objectsOf, type Source } from '../../src/sources/index.js';
import { toYaml } from '../support/derive.js';
import { captureLogs } from '../support/logs.js';
import { type Manifest, namespace } from '../support/objects.js';
import { createQueue } from '../support/queue.js';

let directory: string;
let scope: Scope;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-source-'));
  scope = createScope();
});
afterEach(async () => {
  await scope.close();
  await rm(directory, { recursive: true, force: true });
});

const write = async (name: string, ...objects: readonly Manifest[]) =>
  writeFile(join(directory, name), toYaml(objects));

function watchSource(clock = realClock) {
  const { log, logged } = captureLogs();
  const generations = createQueue<readonly string[]>();
  const source: Source = createDirectorySource(scope, {
    cluster: 'east',
    directory,
    clusterDomain: 'cluster.local',
    clock,
    log,
    quietMs: 5,
    maxMs: 50,
    rescanMs: 60_000,
    onGeneration: () =>
      generations.push(objectsOf(source.generation!.objects, 'Namespace').map(({ metadata }) => metadata.name)),
  });
  return { source, logged, next: () => generations.next() };
}

describe('a directory as a source', () => {
  it('is read with all its subdirectories, without what starts with a dot', async () => {
    await mkdir(join(directory, 'deep', 'er'), { recursive: true });
    await mkdir(join(directory, '.git'));
    await write('a.yaml', namespace('a'));
    await write('deep/er/b.yml', namespace('b'));
    await write('.git/c.yaml', namespace('c'));
    await writeFile(join(directory, 'README.md'), 'no: yaml: at: all');

    const { next } = watchSource();

    expect(await next()).toEqual(['a', 'b']);
  });

  it('hears of files in directories that did not exist at first', async () => {
    const { source, next } = watchSource();
    await next();

    await mkdir(join(directory, 'new'));
    await write('new/a.yaml', namespace('a'));
    const first = await next();
    await write('new/b.yaml', namespace('b'));

    expect([first, await next()]).toEqual([['a'], ['a', 'b']]);
    expect(source.status()).toMatchObject({ state: 'live', generation: 3 });
  });

  it('follows a mounted ConfigMap, which is swapped by a link', async () => {
    for (const version of ['1', '2']) {
      await mkdir(join(directory, `..${version}`));
      await write(`..${version}/a.yaml`, namespace(`v${version}`));
    }
    await symlink('..1', join(directory, '..data'));
    await symlink('..data/a.yaml', join(directory, 'a.yaml'));
    const { next } = watchSource();
    const before = await next();

    await rm(join(directory, '..data'));
    await symlink('..2', join(directory, '..data'));
    let after = await next();
    // Between the two steps the file is missing, which is a generation of its own if it happens to be read then.
    if (after.length === 0) after = await next();

    expect([before, after]).toEqual([['v1'], ['v2']]);
  });

  it('keeps what it had when the directory goes away, and takes it up again', async () => {
    await write('a.yaml', namespace('a'));
    const clock = createVirtualClock();
    const { source, next, logged } = watchSource(clock);
    await next();
    await rm(directory, { recursive: true });
    clock.advance(60_000);
    await logged(({ message }) => message.includes('the last good generation stays live'));
    const [kept, stateThen] = [objectsOf(source.generation!.objects, 'Namespace').length, source.status().state];

    await mkdir(directory);
    await write('b.yaml', namespace('b'));
    clock.advance(60_000);

    expect([kept, stateThen]).toEqual([1, 'stale']);
    expect(await next()).toEqual(['b']);
  });

  it('makes no generation of a change that changes nothing', async () => {
    await write('a.yaml', namespace('a'));
    const { source, next } = watchSource();
    await next();

    await write('a.yaml', namespace('a'));
    await write('b.yaml', namespace('b'));

    expect(await next()).toEqual(['a', 'b']);
    expect(source.status().generation).toBe(2);
  });

  it('passes over files that go while it is read, as those of editors do, and tells of links that lead nowhere', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `${index}.yaml`);
    await Promise.all(names.map((name) => write(name, namespace(`n-${name.split('.')[0]}`))));
    await symlink(join(directory, 'nowhere'), join(directory, 'link.yaml'));

    const reading = readDirectory(directory);
    await Promise.all(names.map((name) => rm(join(directory, name))));
    const { problems } = await reading;

    expect(problems).toMatchObject([{ file: join(directory, 'link.yaml'), message: expect.stringMatching(/ENOENT/) }]);
  });

  it('refuses a tree without end', async () => {
    await symlink('.', join(directory, 'loop'));
    await write('a.yaml', namespace('a'));

    const { problems } = await readDirectory(directory);

    expect(problems.map(({ message }) => message)).toContain('is nested deeper than 16 directories');
  });
});
