import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, createStore, type Snapshot } from '../../../src/discovery/index.js';
import { ip, policy, service, workload } from '../../support/discovery-arbitraries.js';
import {
  applyBatch,
  EMPTY,
  longestBlock,
  membersOf,
  onAddress,
  type ReferenceStore,
  servingAddress,
} from '../../support/reference-store.js';

const upsert = fc.oneof(
  workload.map((value) => ({ kind: 'workload' as const, value })),
  service.map((value) => ({ kind: 'service' as const, value })),
  policy.map((value) => ({ kind: 'policy' as const, value })),
);

const removal = fc.oneof(
  fc.record({
    type: fc.constant('address' as const),
    name: fc.constantFrom('east//Pod/shop/a', 'east//Pod/shop/b', 'shop/a.example', 'bank/a.example', 'nowhere'),
  }),
  fc.record({ type: fc.constant('authorization' as const), name: fc.constantFrom('shop/p', 'bank/q', 'nowhere') }),
);

const batch: fc.Arbitrary<Batch> = fc.record({
  upserts: fc.array(upsert, { maxLength: 5, size: 'max' }),
  removals: fc.array(removal, { maxLength: 2 }),
});

const sorted = <T>(items: Iterable<T>, key: (item: T) => string) =>
  [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));

function expectSame(
  snapshot: Snapshot,
  reference: ReferenceStore,
  probes: readonly (readonly [string, string])[],
): void {
  expect(sorted(snapshot.workloads(), ({ uid }) => uid)).toEqual(
    sorted(reference.workloads.values(), ({ uid }) => uid),
  );
  expect(sorted(snapshot.services(), ({ key }) => key)).toEqual(sorted(reference.services.values(), ({ key }) => key));
  expect(sorted(snapshot.policies(), ({ key }) => key)).toEqual(sorted(reference.policies.values(), ({ key }) => key));
  for (const [network, address] of probes) expectSameAt(snapshot, reference, network, address);
  for (const key of ['shop/a.example', 'shop/b.example', 'bank/a.example', 'bank/c.example']) {
    expect(snapshot.service(key)).toBe(reference.services.get(key));
    expect(sorted(snapshot.endpoints(key), ({ uid }) => uid)).toEqual(
      sorted(membersOf(reference, key), ({ uid }) => uid),
    );
  }
  for (const found of reference.workloads.values()) expectSamePolicies(snapshot, reference, found.uid);
}

function expectSameAt(snapshot: Snapshot, reference: ReferenceStore, network: string, address: string): void {
  expect(sorted(snapshot.workloadsByAddress(network, address), ({ uid }) => uid)).toEqual(
    sorted(onAddress(reference, network, address), ({ uid }) => uid),
  );
  const services = snapshot.servicesByAddress(network, address);
  expect(sorted(services, ({ key }) => key)).toEqual(
    sorted(servingAddress(reference, network, address), ({ key }) => key),
  );
  const lengths = services.map((found) => longestBlock(found, network, address));
  const isExact = services.some(({ addresses }) =>
    addresses.some((vip) => vip.length === undefined && vip.network === network && vip.ip === address),
  );
  if (!isExact) expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
}

function expectSamePolicies(snapshot: Snapshot, reference: ReferenceStore, uid: string): void {
  const found = reference.workloads.get(uid)!;
  const { policies, missing } = snapshot.policiesFor(found);
  const expected = [...reference.policies.values()].filter(
    ({ scope, namespace, key }) =>
      scope === 'global' ||
      (scope === 'namespace' && namespace === found.namespace) ||
      found.authorizationPolicies.includes(key),
  );
  expect(sorted(policies, ({ key }) => key)).toEqual(sorted(expected, ({ key }) => key));
  expect(missing).toEqual(found.authorizationPolicies.filter((key) => !reference.policies.has(key)));
}

describe('a store', () => {
  it('answers like a walk over everything, and no snapshot ever changes', () => {
    const probe = fc.tuple(fc.constantFrom('', 'network-1', 'network-2'), ip);
    fc.assert(
      fc.property(
        fc.array(batch, { maxLength: 8, size: 'max' }),
        fc.array(probe, { maxLength: 4 }),
        (batches, probes) => {
          const store = createStore();
          const history: { snapshot: Snapshot; reference: ReferenceStore }[] = [];
          let reference = EMPTY;
          for (const changes of batches) {
            reference = applyBatch(reference, changes);
            history.push({ snapshot: store.apply(changes), reference });
          }

          for (const moment of history) expectSame(moment.snapshot, moment.reference, probes);
        },
      ),
      { seed: 31, numRuns: 100 },
    );
  });
});
