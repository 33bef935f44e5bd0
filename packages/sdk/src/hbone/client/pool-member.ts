/** A connection as a member of its group: what is known about it, and which of several the next stream takes. Pure. */
import type { HboneClientConnection } from './client.js';
import { type Backend, choose, isHeld } from './pool-policy.js';

/** A connection that was opened for some route. */
export interface Dialled {
  readonly connection: HboneClientConnection;
  /** Of what carries it, when that may leave before it does; see `Tunnel.lastCall`. */
  readonly lastCall?: AbortSignal | undefined;
}

/** It has its place in the pool, and is no member yet. */
export interface Arrival extends Dialled {
  /** Grows with each connection of the pool: tells newer from older. */
  readonly sequence: number;
}

export interface Member extends Arrival {
  readonly openedAt: number;
  /** See `lifeOf`. */
  readonly jitter: number;
  backend: Backend;
  /** Grows with each use of any member; 0 for one never used. */
  lastUsed: number;
  idleSince: number;
  cancelIdle: () => void;
  cancelAge: () => void;
}

export function createMember(arrival: Arrival, now: number, jitter: number): Member {
  return {
    ...arrival,
    openedAt: now,
    jitter,
    backend: { kind: 'unknown' },
    lastUsed: 0,
    idleSince: now,
    cancelIdle: () => {},
    cancelAge: () => {},
  };
}

/** Streams it can take. Before its SETTINGS it is credited with `streamsEach`, what its predecessors allowed. */
export function roomOf({ connection }: Member, streamsEach: number): number {
  if (connection.settled) return connection.availableStreams;
  return Math.min(connection.availableStreams, Math.max(0, streamsEach - connection.activeStreams));
}

export interface Pick {
  /** Monotonic milliseconds. */
  readonly now: number;
  excludes(member: Member): boolean;
  readonly streamsEach: number;
  /** See `choose`. */
  readonly spread: number;
}

/** The member to use next, when one has room. One that is held comes last. */
export function pickMember(
  members: ReadonlySet<Member>,
  { excludes, streamsEach, spread, now }: Pick,
): Member | undefined {
  // One is what there is to most peers, and nothing to weigh.
  if (members.size === 1) {
    const [only] = members;
    return only && !excludes(only) && roomOf(only, streamsEach) > 0 ? only : undefined;
  }
  const usable = [...members].filter((member) => !excludes(member));
  const load = loadByBackend(members);
  const views = usable.map((member) => ({
    outstanding: load.get(backendKey(member)) ?? 0,
    room: roomOf(member, streamsEach),
    lastUsed: member.lastUsed,
    isHeld: isHeld(member.connection.heldSince, now),
  }));
  const index = choose(views, { spread });
  return index === undefined ? undefined : usable[index];
}

/** A backend with two connections is not to get twice the load. */
function loadByBackend(members: Iterable<Member>): ReadonlyMap<string | Member, number> {
  const load = new Map<string | Member, number>();
  for (const member of members) {
    const key = backendKey(member);
    load.set(key, (load.get(key) ?? 0) + member.connection.activeStreams);
  }
  return load;
}

function backendKey(member: Member): string | Member {
  return member.backend.kind === 'named' ? member.backend.name : member;
}
