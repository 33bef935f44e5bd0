import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Authorization,
  type Batch,
  createStore,
  type Store,
  type Workload,
} from '../../../src/discovery/index.js';
import { createPolicyOrder, type PolicyOrder } from '../../../src/discovery/policy-order.js';
import { createVirtualClock, type VirtualClock } from '../../../src/testing.js';
import { pod } from '../../support/routing-world.js';

const GRACE_MS = 2_000;
const UID = 'cluster-1//Pod/shop/ledger-1';

let clock: VirtualClock;
let store: Store;
let order: PolicyOrder;

beforeEach(() => {
  clock = createVirtualClock();
  store = createStore();
  order = createPolicyOrder(clock, (batch) => store.apply(batch));
});

const ledger = (...authorizationPolicies: string[]): Workload => pod('ledger-1', '10.0.0.1', { authorizationPolicies });
const policy = (name: string): Authorization => ({
  key: `shop/${name}`,
  name,
  namespace: 'shop',
  scope: 'workload-selector',
  action: 'deny',
  rules: [],
  dryRun: false,
});

/** One response of the control plane. */
function arrive({ upserts = [], removals = [] }: Partial<Batch>): void {
  store.apply(order.next({ upserts, removals }, store.snapshot));
}
const workloads = (...values: Workload[]): Partial<Batch> => ({
  upserts: values.map((value) => ({ kind: 'workload', value })),
});
const policies = (...values: Authorization[]): Partial<Batch> => ({
  upserts: values.map((value) => ({ kind: 'policy', value })),
});
const withoutPolicy = (key: string): Partial<Batch> => ({ removals: [{ type: 'authorization', name: key }] });

/** What the workload is judged by now; undefined when there is no workload. */
function judgedBy(): object | undefined {
  const workload = store.snapshot.workload(UID);
  if (!workload) return undefined;
  const { policies: selected, missing } = store.snapshot.policiesFor(workload);
  return { policies: selected.map(({ name }) => name), missing };
}

describe('a workload that names a policy', () => {
  it('waits for it, whichever comes first', () => {
    arrive(workloads(ledger('shop/a')));
    const before = judgedBy();
    arrive(policies(policy('a')));

    expect(before).toBeUndefined();
    expect(judgedBy()).toEqual({ policies: ['a'], missing: [] });
    expect(clock.pending).toBe(0);
  });

  it('is judged as before until its new policy is there', () => {
    arrive(policies(policy('a')));
    arrive(workloads(ledger('shop/a')));

    arrive(workloads(ledger('shop/b')));
    const meanwhile = judgedBy();
    arrive(policies(policy('b')));

    expect(meanwhile).toEqual({ policies: ['a'], missing: [] });
    expect(judgedBy()).toEqual({ policies: ['b'], missing: [] });
  });

  it('waits two seconds and no longer; then it fails closed', () => {
    arrive(workloads(ledger('shop/never')));

    clock.advance(GRACE_MS - 1);
    const before = judgedBy();
    clock.advance(1);

    expect(before).toBeUndefined();
    expect(judgedBy()).toEqual({ policies: [], missing: ['shop/never'] });
    expect(clock.pending).toBe(0);
  });

  it('that is removed or replaced while it waits never appears as it was', () => {
    arrive(workloads(ledger('shop/a')));

    arrive(workloads(ledger()));
    arrive(policies(policy('a')));
    const replaced = judgedBy();
    arrive(workloads(ledger('shop/b')));
    arrive({ removals: [{ type: 'address', name: UID }] });
    arrive(policies(policy('b')));

    expect(replaced).toEqual({ policies: [], missing: [] });
    expect(judgedBy()).toBeUndefined();
  });
});

describe('a policy that leaves', () => {
  beforeEach(() => {
    arrive(policies(policy('a')));
    arrive(workloads(ledger('shop/a')));
  });

  it('stays until no workload names it', () => {
    arrive(withoutPolicy('shop/a'));
    const meanwhile = judgedBy();
    arrive(workloads(ledger()));

    expect(meanwhile).toEqual({ policies: ['a'], missing: [] });
    expect(judgedBy()).toEqual({ policies: [], missing: [] });
    expect([...store.snapshot.policies()]).toEqual([]);
  });

  it('leaves with the workload that named it', () => {
    arrive(withoutPolicy('shop/a'));

    arrive({ removals: [{ type: 'address', name: UID }] });

    expect([...store.snapshot.policies()]).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('stays for good when it comes again', () => {
    arrive(withoutPolicy('shop/a'));
    arrive(policies(policy('a')));

    clock.advance(GRACE_MS);

    expect(judgedBy()).toEqual({ policies: ['a'], missing: [] });
  });

  it('is gone after two seconds all the same', () => {
    arrive(withoutPolicy('shop/a'));

    clock.advance(GRACE_MS);

    expect(judgedBy()).toEqual({ policies: [], missing: ['shop/a'] });
  });
});

describe('what has nothing to wait for', () => {
  it('is passed on at once', () => {
    arrive(workloads(ledger()));
    arrive(policies(policy('of-nobody')));
    arrive(withoutPolicy('shop/of-nobody'));

    expect(judgedBy()).toEqual({ policies: [], missing: [] });
    expect([...store.snapshot.policies()]).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
