/**
 * What one peer exports, kept in force. It comes in generations: another try at all of it replaces the last good one when
 * it is whole, and not before. Before the first, what was saved by an earlier process counts. While the peer is away what
 * there is stays; when the link is closed, the cluster is gone.
 *
 *   nothing ──saved imports read──> from disk ──all received──> from the peer ──update, all received──> the next
 *      └────────────────────────────all received────────────────────^
 */
import type { Scope } from '@isthmus/sdk/runtime';
import type { ClusterModel } from '../model/index.js';
import { type Connection, type ConnectionInit, MAX_SYNC_BYTES, openConnection } from './connection.js';
import { createGenerations, type Generation, type GenerationsInit } from './generations.js';
import { fingerprintsOf } from './identity.js';
import { createPresence } from './presence.js';
import type { KnownPeer, Peer } from './records.js';
import { remedyFor } from './remedy.js';
import { followRoots } from './roots.js';
import { createKeeper, type SavedImports } from './saved/index.js';

export interface LinkInit extends Omit<ConnectionInit, 'peer' | 'after'>, Omit<GenerationsInit, 'onChange'> {
  readonly peer: KnownPeer;
  readonly saved: SavedImports;
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
  readonly from?: Generation['from'];
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
  /**
   * Resolves when nothing better is to be had soon: everything was received once, or the peer cannot be reached and what was
   * saved is in force. Never, when the link is closed before.
   */
  readonly settled: Promise<void>;
  /** Resolves when what was saved is in force, or there was nothing. */
  readonly restored: Promise<void>;
  /** The same peer under another address or other roots. Nothing it exports is lost. */
  update(peer: KnownPeer): void;
  /** Removes what was saved. */
  forget(): Promise<void>;
  status(): LinkStatus;
}

/** Until a peer that sent too much is asked again. */
const SURFEIT_MS = 5 * 60_000;

interface Open {
  readonly connection: Connection;
  readonly scope: Scope;
}

export function createLink(scope: Scope, init: LinkInit): Link {
  const { saved, clock, log } = init;
  let peer = init.peer;
  const peerNow = () => peer;
  const generations = createGenerations(scope, { ...init, onChange: told });
  const presence = createPresence(() => situationOf(peer, generations.inForce, open.connection), init);
  const restored = init.after.then(() => saved.load(peer)).then((found) => found && generations.restore(peer, found));
  const keeper = createKeeper({ ...init, peer: peerNow, current: () => generations.inForce, after: restored });
  scope.own(keeper.close);
  const lookForRoots = followRoots(scope, { ...init, peer: peerNow, onRoots: (roots) => init.onRoots(peer, roots) });
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  let surfeit: string | undefined;
  let cancelRetry = () => {};
  scope.own(() => cancelRetry());
  let open = connect();

  function connect(): Open {
    cancelRetry();
    const own = scope.child();
    const listener = {
      whole() {
        if (own.signal.aborted) return;
        surfeit = undefined;
        generations.takeOver(connection);
        settle();
      },
      changed: told,
      reached() {
        presence.reached();
        lookForRoots();
      },
      ended() {
        keeper.touch();
        presence.ended();
        if (generations.inForce) settle();
      },
      overfull() {
        if (own.signal.aborted) return;
        if (generations.inForce?.imports === connection.imports) return reopen('its changes are many: it is read anew');
        settle();
        refuseAll(own);
      },
    };
    const connection = openConnection(own, { ...init, peer: peerNow, after: restored }, listener);
    return { connection, scope: own };
  }

  /** In place of the connection before, which nobody hears any more. What is in force stays until the new one is whole. */
  function reopen(reason: string): void {
    generations.freeze();
    const { scope: before } = open;
    open = connect();
    before.close(reason).catch((error: unknown) => log.error({ err: error }, 'link stays open'));
  }

  function refuseAll(own: Scope): void {
    surfeit = `it sends more than can be taken in (${init.maxBytes ?? MAX_SYNC_BYTES} bytes): narrow its federation.exports for this cluster; asked again every ${SURFEIT_MS / 60_000} minutes`;
    const { cluster } = peer;
    log.error({ cluster, reason: surfeit }, 'peer is not listened to; what was in force of it stays');
    init.observe({ kind: 'rejected', peer: cluster, reason: 'too-many', count: 1 });
    own.close(surfeit).catch((error: unknown) => log.error({ err: error }, 'link stays open'));
    cancelRetry = clock.schedule(SURFEIT_MS, () => reopen('another try'));
  }

  function told(): void {
    keeper.touch();
    init.onChange();
  }

  return {
    get peer() {
      return peer;
    },
    get model() {
      return generations.inForce?.imports.model();
    },
    settled,
    restored,
    update(next) {
      const isReachedAsBefore = next.address === peer.address && hasAll(next.roots, peer.roots);
      peer = next;
      keeper.touch();
      // What was verified against a root that counts no longer has to be verified again.
      if (!isReachedAsBefore) reopen(`peer ${peer.cluster} changed`);
    },
    forget: keeper.forget,
    status() {
      const status = statusOf(peer, generations.inForce, generations.count, open.connection);
      return surfeit === undefined ? status : { ...status, problems: [surfeit, ...status.problems] };
    },
  };
}

function situationOf(peer: Peer, inForce: Generation | undefined, connection: Connection) {
  const asOf = inForce && new Date(inForce.asOf()).toISOString();
  return { peer, asOf, end: connection.status().lastEnd?.detail ?? '' };
}

const NOTHING = { services: 0, workloads: 0, gateways: 0 };

function statusOf(peer: Peer, inForce: Generation | undefined, generation: number, connection: Connection): LinkStatus {
  const { connected, since, lastEnd } = connection.status();
  const isLive = connected && inForce?.imports === connection.imports;
  const detail = connected ? undefined : lastEnd?.detail;
  return {
    state: isLive ? 'live' : inForce ? 'stale' : 'connecting',
    ...(inForce && { from: inForce.from, asOf: inForce.asOf() }),
    generation,
    since,
    ...(detail !== undefined && { lastEnd: detail, remedy: remedyFor(peer, detail) }),
    ...(inForce?.imports.records ?? NOTHING),
    problems: inForce?.imports.problems ?? [],
  };
}

function hasAll(roots: string, wanted: string): boolean {
  const there = fingerprintsOf(roots);
  return fingerprintsOf(wanted).every((each) => there.includes(each));
}
