/** Imports in files: what is read back is what was written, or it is refused; and when they are written. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStore, type ResourceModel } from '@isthmus/sdk/discovery';
import { silentLogger } from '@isthmus/sdk/runtime';
import { createTestService, createTestWorkload, createVirtualClock } from '@isthmus/sdk/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { remedyFor } from '../../src/federation/remedy.js';
import { createKeeper, createSavedImports } from '../../src/federation/saved/index.js';
import { makeCacerts } from '../../src/index.js';
import { captureLogs } from '../support/logs.js';

const AS_OF = Date.UTC(2026, 0, 1);

let directory: string;
let peer: Parameters<ReturnType<typeof createSavedImports>['load']>[0];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-saved-'));
  peer = await peerWithRoots('root');
});
afterEach(() => rm(directory, { recursive: true }));

async function peerWithRoots(root: string) {
  const out = join(directory, `ca-${root}`);
  await makeCacerts({
    out,
    root: join(directory, root),
    cluster: 'west',
    trustDomain: 'cluster.local',
    now: Date.now(),
  });
  const roots = await readFile(join(out, 'root-cert.pem'), 'utf8');
  return { cluster: 'west', network: 'network-2', trustDomain: 'cluster.local', roots, address: 'west:15013' };
}

const service = createTestService({ name: 'reviews', hostname: 'reviews.shop.svc.cluster.local', namespace: 'shop' });
const workloads = Array.from({ length: 2_500 }, (_, index) =>
  createTestWorkload({
    name: '',
    uid: `west/isthmus/Capacity/shop/${index}`,
    services: new Map([[service.key, service.ports]]),
  }),
);
const records: readonly ResourceModel[] = [
  { kind: 'service', value: service },
  ...workloads.map((value) => ({ kind: 'workload', value }) as const),
];
const snapshot = createStore().apply({ upserts: records, removals: [] });

const imports = () => join(directory, 'imports');
const file = () => join(imports(), 'west.imports');
const names = (found: readonly ResourceModel[]) =>
  found.map(({ kind, value }) => (kind === 'workload' ? value.uid : value.key)).sort();

describe('saved imports', () => {
  it('are read back as they were written, by their owner only', async () => {
    const saved = createSavedImports(imports(), silentLogger);

    await saved.save(peer, snapshot, AS_OF);

    const found = await saved.load(peer);
    expect(found?.asOf).toBe(AS_OF);
    const { key, hostname, ports } = service;
    expect(found?.records[0]).toMatchObject({ kind: 'service', value: { key, hostname, ports } });
    expect(names(found?.records ?? [])).toEqual(names(records));
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await readdir(imports())).toEqual(['west.imports']);
  });

  it('are refused whatever byte of them is not what it was, and put aside', async () => {
    const { log, logs } = captureLogs();
    const small = createStore().apply({ upserts: records.slice(0, 3), removals: [] });
    await createSavedImports(imports(), silentLogger).save(peer, small, AS_OF);
    const bytes = await readFile(file());

    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const wrong = Buffer.from(bytes);
        wrong[at] = (wrong[at] ?? 0) ^ flip;
        await writeFile(file(), wrong);

        const found = await createSavedImports(imports(), log).load(peer);

        // Of the second line only the date may say something else and still be one.
        if (found) expect(names(found.records)).toEqual(names(records.slice(0, 3)));
        else expect(logs.at(-1)?.message).toMatch(/^saved imports (cannot be used|are of another peer)/);
      }),
      { seed: 20_260_101, numRuns: 60 },
    );
  });

  it.each([
    ['nothing', ''],
    ['half of them', 0.5],
  ])('are refused when %s is left of them', async (_, left) => {
    const { log, logs } = captureLogs();
    await createSavedImports(imports(), silentLogger).save(peer, snapshot, AS_OF);
    const bytes = await readFile(file());
    await writeFile(file(), typeof left === 'string' ? left : bytes.subarray(0, bytes.length * left));

    const found = await createSavedImports(imports(), log).load(peer);

    expect(found).toBeUndefined();
    expect(logs).toMatchObject([
      { level: 'error', cluster: 'west', file: file(), reason: expect.stringMatching(/^it/) },
    ]);
    expect(await readdir(imports())).toEqual(['west.imports.unusable']);
  });

  it('of another peer of that name count for nothing and go', async () => {
    const saved = createSavedImports(imports(), silentLogger);
    await saved.save(peer, snapshot, AS_OF);

    const found = await saved.load(await peerWithRoots('other-root'));

    expect(found).toBeUndefined();
    expect(await readdir(imports())).toEqual([]);
  });

  it('stay those of a peer that has replaced one of its roots, and go with who is no peer', async () => {
    const saved = createSavedImports(imports(), silentLogger);
    const { roots } = await peerWithRoots('other-root');
    await saved.save(peer, snapshot, AS_OF);

    const found = await saved.load({ ...peer, roots: `${roots}${peer.roots}` });
    await saved.retain(['north']);

    expect(found?.records).toHaveLength(records.length);
    expect(await readdir(imports())).toEqual([]);
  });
});

describe('a keeper of imports', () => {
  function keep(save: () => Promise<void>) {
    const clock = createVirtualClock();
    const { log, logs } = captureLogs();
    const written: number[] = [];
    const saved = {
      save: async () => {
        await save();
        written.push(clock.monotonic());
      },
      remove: async () => void written.push(-1),
    };
    const current = () => ({ records: () => snapshot, asOf: () => clock.now() });
    const keeper = createKeeper({ peer: () => peer, saved, current, after: Promise.resolve(), clock, log });
    const advance = async (ms: number) => {
      clock.advance(ms);
      // What is due is written in turns of the event loop, not of the clock.
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    return { keeper, advance, written, logs, clock };
  }

  it('writes soon after a change, many changes at once, and from time to time without any', async () => {
    const { keeper, advance, written } = keep(async () => {});

    keeper.touch();
    await advance(500);
    keeper.touch();
    await advance(500);
    await advance(10 * 60_000);

    expect(written).toEqual([1_000, 601_000]);
  });

  it('writes once more at the end, and never after that', async () => {
    const { keeper, advance, written, clock } = keep(async () => {});

    await keeper.close();
    keeper.touch();
    await advance(3_600_000);

    expect(written).toEqual([0]);
    expect(clock.pending).toBe(0);
  });

  it('removes what it wrote of who is no peer any more, and writes nothing after that', async () => {
    const { keeper, advance, written } = keep(async () => {});
    keeper.touch();

    await keeper.forget();
    await keeper.close();
    await advance(3_600_000);

    expect(written).toEqual([-1]);
  });

  it('says once that it cannot write, and what that means', async () => {
    const { keeper, advance, logs } = keep(() => Promise.reject(new Error('ENOSPC')));

    keeper.touch();
    await advance(1_000);
    keeper.touch();
    await advance(60_000);

    expect(logs).toMatchObject([{ level: 'warn', cluster: 'west', reason: 'ENOSPC' }]);
    expect(logs[0]?.message).toMatch(/check federation\.directory/);
  });
});

describe('the remedy for a peer that is away', () => {
  it.each([
    ['UNAUTHENTICATED: cluster east is no peer of this control plane, or no longer', /"peer remove west" here/],
    ['UNAVAILABLE: unable to verify the first certificate', /roots of its CA replaced at once/],
    ['UNAVAILABLE: Name resolution failed for target dns:west:15013', /cannot be resolved/],
    ['UNAVAILABLE: connect ECONNREFUSED 192.0.2.1:15013', /control plane of west runs and that west:15013 is reached/],
  ])('follows from %s', (end, remedy) => {
    expect(remedyFor(peer, end)).toMatch(remedy);
  });
});
