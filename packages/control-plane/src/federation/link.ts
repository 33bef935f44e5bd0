/**
 * What one peer exports, kept in force. It is a generation: another try at all of it replaces the last good one when it
 * is whole, and not before. Before the first, what was saved by an earlier process counts, up to an age. While the peer is
 * away what there is stays; when the link is closed, the cluster is gone.
 *
 *   nothing ──saved imports read──> from disk ──all received──> from the peer ──update, all received──> the next
 *      └────────────────────────────all received────────────────────^
 */
import type { Snapshot } from '@isthmus/sdk/discovery';
import type { Clock, Scope } from '@isthmus/sdk/runtime';
import type { ClusterModel } from '../model/index.js';
import { type Connection, type ConnectionInit, openConnection } from './connection.js';
import { fingerprintsOf } from './identity.js';
import { createImports, type Imports } from './imports.js';
import { createPresence } from './presence.js';
import type { KnownPeer } from './records.js';
import { remedyFor } from './remedy.js';
import { followRoots } from './roots.js';
import { createKeeper, type Restored, type SavedImports } from './saved/index.js';

export interface LinkInit extends Omit<ConnectionInit, 'peer'> {
  readonly peer: KnownPeer;
  readonly saved: SavedImports;
  /** Of saved imports, milliseconds. */
  readonly maxAgeMs: number;
  /** What was saved of an earlier peer of that name is gone by then. */
  readonly after: Promise<unknown>;
  readonly onChange: () => void;
  /** The peer tells of other roots than it was known by. */
  readonly onRoots: (peer: KnownPeer, roots: string) => void;
}

export interface LinkStatus {
  /** `live`: what it exports is in force and kept up; `stale`: it is away, and what it last exported stays in force. */
  readonly state: 'connecting' | 'live' | 'stale';
  /** Where what is in force was had from; absent while nothing is. */
  readonly from?: 'peer' | 'disk';
  /** Until when that is known to be what the peer exports, milliseconds since the epoch; now, while it is live. */
  readonly asOf?: number;
  /** How often everything was taken over. */
  readonly generation: number;
  /** Milliseconds since the epoch: when it was reached, or lost. */
  readonly since: number;
  /** Why it cannot be reached, and what to do. */
  readonly lastEnd?: string;
  readonly remedy?: string;
  readonly services: number;
  readonly workloads: number;
  readonly gateways: number;
  readonly problems: readonly string[];
}

export interface Link {
  readonly peer: KnownPeer;
  /** Undefined before there is anything. */
  readonly model: ClusterModel | undefined;
  /** Resolves when everything was received once; never, when the link is closed before. */
  readonly synced: Promise<void>;
  /** Resolves when what was saved is in force, or there was nothing. */
  readonly restored: Promise<void>;
  /** The same peer under another address or other roots. Nothing it exports is lost. */
  update(peer: KnownPeer): void;
  /** Removes what was saved. */
  forget(): Promise<void>;
  status(): LinkStatus;
}

interface Generation {
  readonly imports: Imports;
  readonly from: 'peer' | 'disk';
  /** Of the peer's own. */
  readonly records?: () => Snapshot;
  readonly asOf: () => number;
}

const NOTHING = { services: 0, workloads: 0, gateways: 0 };

export function createLink(scope: Scope, init: LinkInit): Link {
  const { saved, clock, log, onChange } = init;
  let peer = init.peer;
  let inForce: Generation | undefined;
  let generation = 0;
  let resolveSynced = () => {};
  const synced = new Promise<void>((resolve) => {
    resolveSynced = resolve;
  });
  const presence = createPresence(() => {
    const asOf = inForce && new Date(inForce.asOf()).toISOString();
    return { peer, asOf, end: current.connection.status().lastEnd?.detail ?? '' };
  }, init);
  const restoring = init.after.then(() => saved.load(peer));
  const keeper = createKeeper({
    peer: () => peer,
    saved,
    current: () => {
      const { records, asOf } = inForce ?? {};
      return records && asOf ? { records: records(), asOf: asOf() } : undefined;
    },
    after: restoring,
    clock,
    log,
  });
  scope.own(keeper.close);
  const lookForRoots = followRoots(scope, {
    peer: () => peer,
    onRoots: (roots) => init.onRoots(peer, roots),
    clock,
    log,
  });
  let current = connect();

  function connect(): { readonly connection: Connection; readonly scope: Scope } {
    const own = scope.child();
    const connection = openConnection(
      own,
      { ...init, peer: () => peer },
      {
        whole() {
          if (own.signal.aborted) return;
          generation += 1;
          inForce = {
            imports: connection.imports,
            from: 'peer',
            records: () => connection.records,
            asOf: () => lastHeard(connection, clock),
          };
          resolveSynced();
          told();
        },
        changed: told,
        reached() {
          presence.reached();
          lookForRoots();
        },
        ended() {
          keeper.touch();
          presence.ended();
        },
      },
    );
    return { connection, scope: own };
  }

  function told(): void {
    keeper.touch();
    onChange();
  }

  function restore(found: Restored | undefined): void {
    // The peer itself was quicker.
    if (!found || inForce || scope.signal.aborted) return;
    const { cluster } = peer;
    const asOf = Math.min(found.asOf, clock.now());
    const leftMs = asOf + init.maxAgeMs - clock.now();
    const story = { cluster, asOf: new Date(asOf).toISOString(), maxAgeMs: init.maxAgeMs };
    if (leftMs <= 0) {
      log.warn(story, 'saved imports are too old to count; the peer is known once it can be reached');
      return;
    }
    const imports = createImports(peer);
    imports.apply({ upserts: found.records, removals: [] });
    const restored: Generation = { imports, from: 'disk', asOf: () => asOf };
    inForce = restored;
    log.info({ ...story, ...imports.records }, 'imports are those that were saved, until the peer is reached');
    scope.own(
      clock.schedule(leftMs, () => {
        if (inForce !== restored) return;
        inForce = undefined;
        log.warn(
          story,
          'saved imports are too old by now and count no longer; the peer is known once it can be reached',
        );
        onChange();
      }),
    );
    onChange();
  }

  return {
    get peer() {
      return peer;
    },
    get model() {
      return inForce?.imports.model();
    },
    synced,
    restored: restoring.then(restore),
    update(next) {
      const isReachedAsBefore = next.address === peer.address && hasAll(next.roots, peer.roots);
      peer = next;
      keeper.touch();
      // What was verified against a root that counts no longer has to be verified again.
      if (isReachedAsBefore) return;
      if (inForce) {
        const asOf = inForce.asOf();
        inForce = { ...inForce, asOf: () => asOf };
      }
      const { scope: before } = current;
      current = connect();
      before
        .close(`peer ${peer.cluster} changed`)
        .catch((error: unknown) => log.error({ err: error }, 'link failed to close'));
    },
    forget: keeper.forget,
    status() {
      const status = current.connection.status();
      const isLive = status.connected && inForce?.imports === current.connection.imports;
      const detail = status.connected ? undefined : status.lastEnd?.detail;
      return {
        state: isLive ? 'live' : inForce ? 'stale' : 'connecting',
        ...(inForce && { from: inForce.from, asOf: inForce.asOf() }),
        generation,
        since: status.since,
        ...(detail !== undefined && { lastEnd: detail, remedy: remedyFor(peer, detail) }),
        ...(inForce?.imports.records ?? NOTHING),
        problems: inForce?.imports.problems ?? [],
      };
    },
  };
}

function lastHeard(connection: Connection, clock: Clock): number {
  const { connected, since } = connection.status();
  return connected ? clock.now() : since;
}

function hasAll(roots: string, wanted: string): boolean {
  const there = fingerprintsOf(roots);
  return fingerprintsOf(wanted).every((each) => there.includes(each));
}
