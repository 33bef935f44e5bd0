/**
 * Connections kept and shared: streams of the same source, to the same peer, on behalf of the same client address go
 * over one connection until it is full, then over more. Nothing ever waits for a stream to end.
 *
 * Bounds: `maxStreamsPerConnection` streams each and never more than the peer takes; `poolMaxConnections` connections,
 * over which the longest idle one makes room or the caller is refused; `poolIdleMs` for one without streams.
 */
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import type { Scope } from '../../runtime/scope.js';
import { Fault } from '../../wire/faults.js';
import { hopName } from '../hop-name.js';
import { type HboneSettings, resolveSettings } from '../settings.js';
import type { ConnectRequest, HopAddress, Tunnel } from '../types.js';
import { dialHbone, type HboneClientConnection } from './client.js';
import { NotProcessed } from './not-processed.js';

/** One hop: as whom, to where, and who must be there. */
export interface PoolHop {
  readonly source: WorkloadCertificate;
  /** SPIFFE URIs, any of which the peer may prove. */
  readonly expected: readonly string[];
  readonly address: HopAddress;
  /** The address of this host to dial from; part of what makes connections interchangeable. */
  readonly localAddress?: string;
  /** IP of the client on whose behalf the connection is opened: its traffic shares connections with nobody else's. */
  readonly clientIp: string;
}

export interface HbonePoolInit {
  readonly clock: Clock;
  readonly settings?: Partial<HboneSettings>;
}

export interface HbonePool {
  /** Rejects as `HboneClientConnection.connect` does, and with what dialling can fail of. */
  connect(hop: PoolHop, request: ConnectRequest): Promise<Tunnel>;
  /** Open connections, idle ones included. */
  readonly size: number;
  readonly clock: Clock;
  readonly settings: HboneSettings;
}

interface Pooled {
  readonly connection: HboneClientConnection;
  /** Grows with each connection of the pool: tells newer from older. */
  readonly sequence: number;
  idleSince: number;
  cancelIdle: () => void;
}

/** Connections that may stand in for each other. */
interface Group {
  readonly key: string;
  readonly connections: Set<Pooled>;
  /** Dials under way; whoever finds no stream waits for one of them. */
  readonly dials: Set<Promise<void>>;
  waiting: number;
  /** Streams one connection of this peer takes: assumed, then as its SETTINGS said. */
  streamsEach: number;
}

/** The scope closes every connection with it; dials under way are given up. */
export function createHbonePool(scope: Scope, init: HbonePoolInit): HbonePool {
  return new Pool(scope, init);
}

class Pool implements HbonePool {
  readonly clock: Clock;
  readonly settings: HboneSettings;
  readonly #signal: AbortSignal;
  readonly #groups = new Map<string, Group>();
  /** All that are not closed, draining ones included. */
  readonly #open = new Set<Pooled>();
  #dialling = 0;
  #sequence = 0;

  constructor(scope: Scope, { clock, settings }: HbonePoolInit) {
    this.clock = clock;
    this.settings = resolveSettings(settings);
    this.#signal = scope.signal;
    scope.own(() => this.#closeAll());
  }

  get size(): number {
    return this.#open.size + this.#dialling;
  }

  async connect(hop: PoolHop, request: ConnectRequest): Promise<Tunnel> {
    const first = await this.#attempt(hop, request, 0);
    try {
      return await first.tunnel;
    } catch (error) {
      // A connection that never got as far as SETTINGS did not die of age: its like would fail the same way.
      if (!(error instanceof NotProcessed) || (error.how === 'lost' && !first.settled)) throw error;
      request.signal?.throwIfAborted();
    }
    const second = await this.#attempt(hop, request, first.sequence);
    return second.tunnel;
  }

  /**
   * Sends the CONNECT on a connection newer than `after`, dialling as needed. The promise of the tunnel is wrapped so
   * that finding a stream and taking it are one step: an await in between would let another caller take it.
   */
  async #attempt(hop: PoolHop, request: ConnectRequest, after: number): Promise<Attempt> {
    for (;;) {
      const group = this.#groupOf(hop);
      for (const { connection, sequence } of group.connections) {
        if (sequence <= after || available(group, connection) === 0) continue;
        return { sequence, settled: connection.settled, tunnel: connection.connect(request) };
      }
      await this.#moreConnections(group, hop, request.signal);
    }
  }

  /** Resolves when a dial of this group has; starts one when those under way cannot serve all who wait. */
  async #moreConnections(group: Group, hop: PoolHop, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.#signal.throwIfAborted();
    group.waiting += 1;
    try {
      if (group.waiting > group.dials.size * group.streamsEach) this.#startDial(group, hop);
      await abortable(Promise.race(group.dials), signal);
    } finally {
      group.waiting -= 1;
      this.#dropIfUnused(group);
    }
  }

  #startDial(group: Group, hop: PoolHop): void {
    this.#makeRoom(hop);
    const dial = this.#dial(group, hop).finally(() => group.dials.delete(dial));
    group.dials.add(dial);
    // Whoever waits hears of a failure; when all of them have given up, nobody needs to.
    dial.catch(() => {});
  }

  async #dial(group: Group, { source: certificate, expected, address, localAddress }: PoolHop): Promise<void> {
    const { clock, settings } = this;
    const target = localAddress === undefined ? address : { ...address, localAddress };
    this.#dialling += 1;
    try {
      this.#adopt(group, await dialHbone({ target, certificate, expected, clock, settings, signal: this.#signal }));
    } finally {
      this.#dialling -= 1;
    }
  }

  #adopt(group: Group, connection: HboneClientConnection): void {
    this.#sequence += 1;
    const pooled: Pooled = { connection, sequence: this.#sequence, idleSince: 0, cancelIdle: () => {} };
    this.#open.add(pooled);
    group.connections.add(pooled);
    connection.onChange = () => this.#review(group, pooled);
    this.#review(group, pooled);
    void connection.closed.then(() => {
      pooled.cancelIdle();
      this.#open.delete(pooled);
      group.connections.delete(pooled);
      this.#dropIfUnused(group);
    });
  }

  /** After any change of a connection: learn, retire, or start the clock of its idleness. */
  #review(group: Group, pooled: Pooled): void {
    const { connection } = pooled;
    pooled.cancelIdle();
    if (connection.draining) {
      group.connections.delete(pooled);
      return;
    }
    if (connection.settled) group.streamsEach = Math.max(1, connection.availableStreams + connection.activeStreams);
    if (connection.activeStreams > 0) return;
    pooled.idleSince = this.clock.monotonic();
    pooled.cancelIdle = this.clock.schedule(this.settings.poolIdleMs, () => connection.drain());
  }

  /** Room for one more connection, at the cost of the one that has been idle longest. */
  #makeRoom({ address }: PoolHop): void {
    const { poolMaxConnections } = this.settings;
    if (this.size < poolMaxConnections) return;
    const idle = [...this.#open].filter(({ connection }) => connection.activeStreams === 0 && !connection.draining);
    const oldest = idle.sort((one, other) => one.idleSince - other.idleSince)[0];
    if (!oldest) {
      throw new Fault(
        'CONNECT_FAILED',
        `no connection to ${hopName(address)}: all ${poolMaxConnections} of the pool are in use`,
      );
    }
    oldest.connection.drain();
  }

  #groupOf(hop: PoolHop): Group {
    const key = groupKey(hop);
    let group = this.#groups.get(key);
    if (!group) {
      const streamsEach = this.settings.maxStreamsPerConnection;
      group = { key, connections: new Set(), dials: new Set(), waiting: 0, streamsEach };
      this.#groups.set(key, group);
    }
    return group;
  }

  #dropIfUnused(group: Group): void {
    if (group.connections.size + group.dials.size + group.waiting === 0) this.#groups.delete(group.key);
  }

  async #closeAll(): Promise<void> {
    const dials = [...this.#groups.values()].flatMap((group) => [...group.dials]);
    await Promise.allSettled(dials);
    await Promise.all([...this.#open].map(({ connection }) => connection.close()));
  }
}

interface Attempt {
  readonly sequence: number;
  /** The peer had sent its SETTINGS when the CONNECT went out. */
  readonly settled: boolean;
  readonly tunnel: Promise<Tunnel>;
}

/** Before its SETTINGS a connection is credited with what its predecessors allowed, not with more. */
function available(group: Group, connection: HboneClientConnection): number {
  if (connection.settled) return connection.availableStreams;
  return Math.min(connection.availableStreams, Math.max(0, group.streamsEach - connection.activeStreams));
}

/** The certificate is part of it: after a rotation new streams prove the new one. */
function groupKey({ source, expected, address: { host, port }, clientIp, localAddress }: PoolHop): string {
  const sorted = [...expected].sort();
  return JSON.stringify([source.identity, source.serialNumber, sorted, host, port, clientIp, localAddress]);
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
