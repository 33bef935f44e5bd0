/**
 * Keeps workloads and the policies they name together, whatever order they arrive in. Types are separate subscriptions:
 * istiod sends addresses first, and after a reconnect nobody promises anything. A workload seen before its policy would
 * be closed to everybody (unknown policies fail closed), and a policy that left before its workload would do the same.
 * So a workload waits for the policies it names, the record before it in force meanwhile, and a policy that leaves
 * waits until no workload names it.
 *
 * Bounds: nothing waits longer than 2 s; after that what came is in force as it came, and fails closed. What waits is
 * at most what the control plane sent in that time.
 */
import type { Clock } from '../runtime/clock.js';
import type { Authorization, ResourceModel, Service, Snapshot, Workload } from './model.js';
import type { Batch, Removal } from './store.js';

const GRACE_MS = 2_000;

export interface PolicyOrder {
  /** What of the batch, and of what waited, is to be applied to that snapshot now. */
  next(batch: Batch, snapshot: Snapshot): Batch;
  /** Whether the newest record of that workload is still held back. */
  holds(uid: string): boolean;
  close(): void;
}

/** `late` hands over what has waited for too long. */
export function createPolicyOrder(clock: Clock, late: (batch: Batch) => void): PolicyOrder {
  const arriving = new Map<string, Workload>();
  const leaving = new Set<string>();
  let cancel: (() => void) | undefined;

  function note({ upserts, removals }: Batch): Noted {
    const noted: Noted = { policies: [], services: [], workloads: [], removed: [] };
    for (const resource of upserts) {
      if (resource.kind === 'workload') noted.workloads.push(resource.value);
      else if (resource.kind === 'policy') noted.policies.push(resource.value);
      else noted.services.push(resource.value);
    }
    for (const removal of removals) {
      if (removal.type === 'authorization') leaving.add(removal.name);
      else noted.removed.push(removal);
    }
    // What comes now replaces what waits under that name.
    for (const { key } of noted.policies) leaving.delete(key);
    for (const name of [...noted.workloads.map(({ uid }) => uid), ...noted.services.map(({ key }) => key)]) {
      arriving.delete(name);
    }
    for (const { name } of noted.removed) arriving.delete(name);
    return noted;
  }

  /** Those that name no policy which is neither there nor coming with them. */
  function takeArrived(snapshot: Snapshot, { policies, workloads }: Noted): Workload[] {
    const coming = new Set(policies.map(({ key }) => key));
    const isReady = (workload: Workload) =>
      workload.authorizationPolicies.length === 0 ||
      snapshot.policiesFor(workload).missing.every((key) => coming.has(key));
    // What waits can only be set free by a policy.
    const arrived = coming.size > 0 ? [...arriving.values()].filter(isReady) : [];
    for (const { uid } of arrived) arriving.delete(uid);
    for (const workload of workloads) {
      if (isReady(workload)) arrived.push(workload);
      else arriving.set(workload.uid, workload);
    }
    return arrived;
  }

  /** Those that no workload names once the batch is applied; what still waits to arrive has a record there, or none. */
  function takeLeft(snapshot: Snapshot, arrived: readonly Workload[], removed: readonly Removal[]): string[] {
    if (leaving.size === 0) return [];
    const replaced = new Set([...arrived.map(({ uid }) => uid), ...removed.map(({ name }) => name)]);
    const named = new Set(arrived.flatMap(({ authorizationPolicies }) => authorizationPolicies));
    for (const { uid, authorizationPolicies } of snapshot.workloads()) {
      if (!replaced.has(uid)) for (const key of authorizationPolicies) named.add(key);
    }
    const left = [...leaving].filter((key) => !named.has(key));
    for (const key of left) leaving.delete(key);
    return left;
  }

  function arm(): void {
    const waits = arriving.size + leaving.size > 0;
    if (waits === (cancel !== undefined)) return;
    cancel?.();
    cancel = waits ? clock.schedule(GRACE_MS, giveUp) : undefined;
  }

  function giveUp(): void {
    const upserts = [...arriving.values()].map(asWorkload);
    const removals = [...leaving].map(asRemoval);
    arriving.clear();
    leaving.clear();
    cancel = undefined;
    late({ upserts, removals });
  }

  return {
    next(batch, snapshot) {
      const noted = note(batch);
      const arrived = takeArrived(snapshot, noted);
      const left = takeLeft(snapshot, arrived, noted.removed);
      arm();
      return {
        upserts: [...noted.policies.map(asPolicy), ...noted.services.map(asService), ...arrived.map(asWorkload)],
        removals: [...noted.removed, ...left.map(asRemoval)],
      };
    },
    holds: (uid) => arriving.has(uid),
    close() {
      cancel?.();
      cancel = undefined;
    },
  };
}

/** A batch by what it is made of. */
interface Noted {
  readonly policies: Authorization[];
  readonly services: Service[];
  readonly workloads: Workload[];
  /** Of addresses. */
  readonly removed: Removal[];
}

const asPolicy = (value: Authorization): ResourceModel => ({ kind: 'policy', value });
const asService = (value: Service): ResourceModel => ({ kind: 'service', value });
const asWorkload = (value: Workload): ResourceModel => ({ kind: 'workload', value });

function asRemoval(name: string): Removal {
  return { type: 'authorization', name };
}
