import { describe, expect, it } from 'vitest';
import { createLocalSource, createStore } from '../../../../src/discovery/index.js';
import { createScope, silentLogger } from '../../../../src/runtime/index.js';
import { createVirtualClock } from '../../../../src/testing.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const meshOf = (...names: string[]) =>
  JSON.stringify({ workloads: names.map((name) => ({ name, namespace: 'shop', workloadIps: [], services: {} })) });

function fixture(text: string | Error) {
  const file = { text };
  const clock = createVirtualClock();
  const scope = createScope();
  const store = createStore();
  const versions: number[] = [];
  const source = createLocalSource(scope, {
    name: 'mesh.yaml',
    read: async () => {
      if (file.text instanceof Error) throw file.text;
      return file.text;
    },
    parse: (given) => JSON.parse(given) as unknown,
    store,
    onSnapshot: ({ version }) => void versions.push(version),
    clock,
    log: silentLogger,
  });
  const names = () => [...store.snapshot.workloads()].map(({ name }) => name).sort();
  async function later(next: string | Error) {
    file.text = next;
    clock.advance(2_000);
    await turn();
  }
  return { source, scope, clock, names, later, versions };
}

describe('a local source', () => {
  it('is ready when its mesh is in force', async () => {
    const { source, names } = fixture(meshOf('a', 'b'));

    await source.ready;

    expect(names()).toEqual(['a', 'b']);
    expect(source.status()).toMatchObject({ name: 'mesh.yaml', resources: 2, problem: undefined });
  });

  it('follows its text: what is gone from it is removed, what is the same changes nothing', async () => {
    const { source, names, later, versions } = fixture(meshOf('a', 'b'));
    await source.ready;

    await later(meshOf('b', 'c'));
    await later(meshOf('b', 'c'));

    expect(names()).toEqual(['b', 'c']);
    expect(versions).toEqual([1, 2]);
  });

  it('keeps the last good mesh over a text with mistakes and over a file that is gone', async () => {
    const { source, names, later } = fixture(meshOf('a'));
    await source.ready;

    await later('{"workloads": [{"name": "b"}]}');
    const mistaken = source.status().problem;
    await later(new Error('ENOENT: no such file'));
    const gone = source.status().problem;
    await later(meshOf('a'));

    expect(mistaken).toContain('mesh.yaml: workloads[0]: namespace is missing');
    expect(gone).toBe('mesh.yaml: ENOENT: no such file');
    expect(source.status()).toMatchObject({ problem: undefined, resources: 1 });
    expect(names()).toEqual(['a']);
  });

  it('does not begin with a mistake', async () => {
    const { source, clock } = fixture('nonsense');

    await expect(source.ready).rejects.toThrow(/^mesh\.yaml: .*JSON/);
    expect(clock.pending).toBe(0);
  });

  it('looks no more when its scope has closed', async () => {
    const { source, scope, clock } = fixture(meshOf('a'));
    await source.ready;

    await scope.close();

    expect(clock.pending).toBe(0);
  });
});
