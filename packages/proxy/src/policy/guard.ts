/**
 * L4 policy at the destination, for as long as a connection lives: decided when it arrives, and again whenever the
 * policies that bind to its workload change, selectors newly attached included (ztunnel keeps the workload as it was), or
 * the waypoints it has to be reached through. Whoever is no longer allowed is closed at once. Bound: one small record per
 * open connection.
 */
import type { PolicySelection, Snapshot, Workload } from '@isthmus/sdk/discovery';
import { authorize, type ConnectionFacts, type Verdict } from '@isthmus/sdk/routing';
import type { Logger } from '@isthmus/sdk/runtime';
import { type Doorkeepers, noDoorkeepers } from './through-waypoint.js';

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

/** What a connection to one workload is judged by. */
interface Law {
  readonly selection: PolicySelection;
  readonly doorkeepers: ReadonlySet<string> | undefined;
}

/** What is open to one workload, and what it was judged by last. */
interface Group {
  readonly connections: Set<GuardedConnection>;
  law: Law;
}

/** Which of the policies that bind to a workload count where the guard stands. */
export type Relevant = (selection: PolicySelection) => PolicySelection;

const everything: Relevant = (selection) => selection;

export interface PolicyGuardInit {
  readonly log: Logger;
  /** Default: all. */
  readonly relevant?: Relevant;
  /** Default: anybody may call directly. */
  readonly doorkeepers?: Doorkeepers;
  /** Of the lines that tell what a dry-run policy would have done; ztunnel's AUTHZ_POLICY_INFO_LOGGING. Default debug. */
  readonly dryRunLevel?: 'debug' | 'info';
}

export function createPolicyGuard({
  log,
  relevant = everything,
  doorkeepers = noDoorkeepers,
  dryRunLevel = 'debug',
}: PolicyGuardInit): PolicyGuard {
  const groups = new Map<string, Group>();

  function lawFor(snapshot: Snapshot, destination: Workload): Law {
    const workload = newest(snapshot, destination);
    return { selection: relevant(snapshot.policiesFor(workload)), doorkeepers: doorkeepers(snapshot, workload) };
  }

  function judge({ selection, doorkeepers: allowed }: Law, connection: GuardedConnection): Omit<Verdict, 'dryRun'> {
    const { destination, facts } = connection;
    const { dryRun, ...verdict } = authorize(selection, facts);
    for (const result of dryRun)
      log[dryRunLevel]({ ...result, destination: destination.uid, ...facts }, 'dry-run policy');
    if (verdict.verdict === 'deny' || !allowed || allowed.has(facts.identity ?? '')) return verdict;
    return { verdict: 'deny', reason: `${destination.uid} is called through its waypoint only (REQUIRE_WAYPOINT)` };
  }

  function watch(connection: GuardedConnection, law: Law): () => void {
    const { uid } = connection.destination;
    const group = groups.get(uid) ?? { connections: new Set(), law };
    groups.set(uid, group);
    group.connections.add(connection);
    return () => {
      group.connections.delete(connection);
      if (group.connections.size === 0 && groups.get(uid) === group) groups.delete(uid);
    };
  }

  return {
    admit(snapshot, connection) {
      const law = lawFor(snapshot, connection.destination);
      const { verdict, reason } = judge(law, connection);
      return verdict === 'deny' ? { verdict, reason } : { verdict, release: watch(connection, law) };
    },
    reevaluate(snapshot) {
      for (const group of [...groups.values()]) {
        const [any] = group.connections;
        if (!any) continue;
        const law = lawFor(snapshot, any.destination);
        if (sameSelection(law.selection, group.law.selection) && sameSet(law.doorkeepers, group.law.doorkeepers))
          continue;
        group.law = law;
        for (const connection of [...group.connections]) {
          const { verdict, reason } = judge(law, connection);
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

/** The newest record of the workload; one that has left is judged as it was, never as if nothing bound to it. */
function newest(snapshot: Snapshot, workload: Workload): Workload {
  return snapshot.workload(workload.uid) ?? workload;
}

/** Policies are immutable, so the same objects in the same order decide the same. */
function sameSelection(a: PolicySelection, b: PolicySelection): boolean {
  return (
    a.policies.length === b.policies.length &&
    a.policies.every((policy, index) => policy === b.policies[index]) &&
    a.missing.join() === b.missing.join()
  );
}

function sameSet(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  if (!a || !b) return a === b;
  return a.size === b.size && [...a].every((each) => b.has(each));
}
