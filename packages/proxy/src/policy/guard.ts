/**
 * L4 policy at the destination, for as long as a connection lives: decided when it arrives, and again whenever the
 * policies that bind to its workload change, selectors newly attached included (ztunnel keeps the workload as it was).
 * Whoever is no longer allowed is closed at once. Bound: one small record per open connection.
 */
import type { PolicySelection, Snapshot, Workload } from '@isthmus/sdk/discovery';
import { authorize, type ConnectionFacts, type Verdict } from '@isthmus/sdk/routing';
import type { Logger } from '@isthmus/sdk/runtime';

export interface GuardedConnection {
  /** Whose policies count. */
  readonly destination: Workload;
  readonly facts: ConnectionFacts;
  /** Called at most once, when the connection is no longer allowed. */
  revoke(reason: string): void;
}

export type Admission =
  | { readonly verdict: 'deny'; readonly reason: string }
  /** `release` when the connection is over. */
  | { readonly verdict: 'allow'; readonly release: () => void };

export interface PolicyGuard {
  admit(snapshot: Snapshot, connection: GuardedConnection): Admission;
  /** Judges all admitted connections by the new snapshot. */
  reevaluate(snapshot: Snapshot): void;
  /** Connections watched now. */
  readonly size: number;
}

/** What is open to one workload, and the policies it was judged by last. */
interface Group {
  readonly connections: Set<GuardedConnection>;
  selection: PolicySelection;
}

/** Which of the policies that bind to a workload count where the guard stands. */
export type Relevant = (selection: PolicySelection) => PolicySelection;

const everything: Relevant = (selection) => selection;

export function createPolicyGuard(log: Logger, relevant: Relevant = everything): PolicyGuard {
  const groups = new Map<string, Group>();

  function judge(selection: PolicySelection, { destination, facts }: GuardedConnection): Omit<Verdict, 'dryRun'> {
    const { dryRun, ...verdict } = authorize(selection, facts);
    for (const result of dryRun) log.debug({ ...result, destination: destination.uid, ...facts }, 'dry-run policy');
    return verdict;
  }

  function watch(connection: GuardedConnection, selection: PolicySelection): () => void {
    const { uid } = connection.destination;
    const group = groups.get(uid) ?? { connections: new Set(), selection };
    groups.set(uid, group);
    group.connections.add(connection);
    return () => {
      group.connections.delete(connection);
      if (group.connections.size === 0 && groups.get(uid) === group) groups.delete(uid);
    };
  }

  return {
    admit(snapshot, connection) {
      const selection = relevant(selectionFor(snapshot, connection.destination));
      const { verdict, reason } = judge(selection, connection);
      return verdict === 'deny' ? { verdict, reason } : { verdict, release: watch(connection, selection) };
    },
    reevaluate(snapshot) {
      for (const group of [...groups.values()]) {
        const [any] = group.connections;
        if (!any) continue;
        const selection = relevant(selectionFor(snapshot, any.destination));
        if (sameSelection(selection, group.selection)) continue;
        group.selection = selection;
        for (const connection of [...group.connections]) {
          const { verdict, reason } = judge(selection, connection);
          if (verdict === 'allow') continue;
          group.connections.delete(connection);
          connection.revoke(reason);
        }
      }
    },
    get size() {
      return [...groups.values()].reduce((sum, { connections }) => sum + connections.size, 0);
    },
  };
}

/** By the newest record of the workload; one that has left is judged as it was, never as if nothing bound to it. */
function selectionFor(snapshot: Snapshot, workload: Workload): PolicySelection {
  return snapshot.policiesFor(snapshot.workload(workload.uid) ?? workload);
}

/** Policies are immutable, so the same objects in the same order decide the same. */
function sameSelection(a: PolicySelection, b: PolicySelection): boolean {
  return (
    a.policies.length === b.policies.length &&
    a.policies.every((policy, index) => policy === b.policies[index]) &&
    a.missing.join() === b.missing.join()
  );
}
