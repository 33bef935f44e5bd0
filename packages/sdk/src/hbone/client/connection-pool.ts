/**
 * Connections kept and shared, whatever they run over: a stream goes to the group of connections that lead where it must,
 * as whom it must. Asks again elsewhere when a peer did not process a CONNECT, and never when it answered.
 *
 * When our own certificate has been renewed, connections that prove the old one take no more streams; those they have run
 * on. Bounds: `maxConnections`, over which the longest idle one makes room or the caller is refused.
 */
import { setMaxListeners } from 'node:events';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import type { Scope } from '../../runtime/scope.js';
import { Fault } from '../../wire/faults.js';
import type { HboneSettings } from '../settings.js';
import type { ConnectRequest, Tunnel } from '../types.js';
import type { HboneClientConnection } from './client.js';
import { NotProcessed } from './not-processed.js';
import { type Permits, PoolGroup } from './pool-group.js';
import type { Arrival, Dialled, Member } from './pool-member.js';

/** Where one stream has to go. */
export interface Route {
  /** Whom we are on it. */
  readonly certificate: WorkloadCertificate;
  /** All that makes connections interchangeable, our certificate apart. */
  readonly key: string;
  /** The far end in messages. */
  readonly name: string;
  /** Backends that may be there; 1 for an address. */
  readonly capacity: number;
  /** Opens another connection there. Rejects with a `Fault`, or with the signal's reason. */
  dial(signal: AbortSignal): Promise<Dialled>;
  /** Who answered, when that can be told. */
  backendOf(tunnel: Tunnel): string | undefined;
}

export interface ConnectionPoolInit {
  readonly clock: Clock;
  readonly random: () => number;
  readonly settings: HboneSettings;
  readonly bounds: PoolBounds;
}

export interface PoolBounds {
  readonly maxConnections: number;
  /** Backends one group holds connections with at most. */
  readonly backendLimit: number;
  /** Infinity: a connection is as good on its last day as on its first. */
  readonly ageMs: number;
}

/** A CONNECT that was refused unprocessed is sent this often in all: peers that lower their limit may do so repeatedly. */
const MAX_ATTEMPTS = 4;

/** What is kept of a group besides its connections. */
interface Grouped {
  readonly group: PoolGroup;
  /** Of the last caller: dials need an abort signal of the pool's, and headers of somebody. */
  route: Route;
}

export class ConnectionPool {
  readonly #init: ConnectionPoolInit;
  readonly #signal: AbortSignal;
  readonly #groups = new Map<string, Grouped>();
  /** All that are not closed, draining ones included. */
  readonly #open = new Set<HboneClientConnection>();
  readonly #dials = new Set<Promise<Dialled>>();
  #permits = 0;
  #sequence = 0;

  constructor(scope: Scope, init: ConnectionPoolInit) {
    this.#init = init;
    this.#signal = scope.signal;
    // One for each dial under way, whose number is bounded.
    setMaxListeners(0, scope.signal);
    scope.own(() => this.#closeAll());
  }

  /** Connections open and being opened. */
  get size(): number {
    return this.#permits;
  }

  /** Rejects as `HboneClientConnection.connect` does, and with what dialling can fail of. */
  async connect(route: Route, request: ConnectRequest): Promise<Tunnel> {
    const tried = new Set<Member>();
    let newerThan = 0;
    for (let attempt = 1; ; attempt++) {
      const excludes = (member: Member) => member.sequence <= newerThan || tried.has(member);
      const { member, settled, tunnel, group } = await this.#send(route, request, excludes);
      try {
        const answered = await tunnel;
        group.answered(member, route.backendOf(answered));
        return answered;
      } catch (error) {
        if (!isWorthAnother(error, settled, attempt)) throw error;
        request.signal?.throwIfAborted();
        tried.add(member);
        // Its siblings may have died with it, unnoticed as yet.
        if (error.how === 'lost') newerThan = this.#sequence;
      }
    }
  }

  /** The promise of the tunnel is wrapped, so that finding a stream and taking it are one step. */
  #send(route: Route, request: ConnectRequest, excludes: (member: Member) => boolean): Promise<Sent> {
    this.#signal.throwIfAborted();
    const group = this.#groupOf(route);
    return group.with({ signal: request.signal, excludes }, route.capacity, (member) => ({
      member,
      group,
      settled: member.connection.settled,
      tunnel: member.connection.connect(request),
    }));
  }

  #groupOf(route: Route): PoolGroup {
    const key = `${route.certificate.serialNumber} ${route.key}`;
    const known = this.#groups.get(key);
    if (known) {
      known.route = route;
      return known.group;
    }
    this.#retireOlder(route);
    return this.#createGroup(key, route);
  }

  #createGroup(key: string, route: Route): PoolGroup {
    const { clock, random, settings, bounds } = this.#init;
    const group = new PoolGroup({
      clock,
      random,
      maxStreams: settings.maxStreamsPerConnection,
      idleMs: settings.poolIdleMs,
      ageMs: bounds.ageMs,
      backendLimit: bounds.backendLimit,
      permits: this.#permitsFor(route.name),
      dial: () => this.#dial(grouped.route),
      onEmpty: () => {
        // It may say so again after another has taken its place.
        if (this.#groups.get(key) === grouped) this.#groups.delete(key);
      },
    });
    const grouped: Grouped = { group, route };
    this.#groups.set(key, grouped);
    return group;
  }

  /** Callers that are late with the certificate before open that group again; its connections then leave when idle. */
  #retireOlder({ key, certificate }: Route): void {
    for (const { group, route } of this.#groups.values()) {
      if (route.key === key && route.certificate.notBefore <= certificate.notBefore) group.retire();
    }
  }

  #permitsFor(name: string): Permits {
    const { maxConnections } = this.#init.bounds;
    const pool = this;
    return {
      get isFree() {
        return pool.#permits < maxConnections;
      },
      acquire() {
        if (pool.#permits >= maxConnections && !pool.#evictIdle()) {
          const message = `no connection to ${name}: all ${maxConnections} of the pool are in use`;
          throw new Fault('UPSTREAM_OVERFLOW', message);
        }
        pool.#permits += 1;
      },
      release() {
        pool.#permits -= 1;
      },
    };
  }

  async #dial(route: Route): Promise<Arrival> {
    const dial = route.dial(this.#signal);
    this.#dials.add(dial);
    try {
      const { connection, lastCall } = await dial;
      this.#open.add(connection);
      void connection.closed.then(() => this.#open.delete(connection));
      if (connection.draining) {
        throw new Fault('TUNNEL_LOST', `the connection with ${route.name} ended as soon as it was there`);
      }
      this.#sequence += 1;
      return { connection, lastCall, sequence: this.#sequence };
    } finally {
      this.#dials.delete(dial);
    }
  }

  /** Room for one more, at the cost of the one that has been idle longest. */
  #evictIdle(): boolean {
    const members = [...this.#groups.values()].flatMap(({ group }) => [...group.members]);
    const idle = members.filter(({ connection }) => connection.activeStreams === 0);
    const oldest = idle.sort((one, other) => one.idleSince - other.idleSince)[0];
    oldest?.connection.drain();
    return oldest !== undefined;
  }

  async #closeAll(): Promise<void> {
    await Promise.allSettled(this.#dials);
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }
}

interface Sent {
  readonly member: Member;
  readonly group: PoolGroup;
  /** The peer had sent its SETTINGS when the CONNECT went out. */
  readonly settled: boolean;
  readonly tunnel: Promise<Tunnel>;
}

/** A connection that died before its SETTINGS did not die of age: its like would fail the same way. */
function isWorthAnother(error: unknown, settled: boolean, attempt: number): error is NotProcessed {
  if (!(error instanceof NotProcessed)) return false;
  return error.how === 'refused' ? attempt < MAX_ATTEMPTS : settled && attempt < 2;
}
