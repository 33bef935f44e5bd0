/**
 * Which network gateways are out of service, learned from the connections that were to go through them (passive health).
 *
 *   in service ──a connection fails──> ejected ──a probe succeeds──> on trial ──a connection succeeds──> in service
 *                                      ^  ^ │ a probe fails: wait twice as long      │
 *                                      │  └─┘                                        │
 *                                      └────────────────a connection fails───────────┘
 *
 * The probe is a connection of our own (TCP and TLS to the gateway's identity), so no user's connection is spent on
 * finding out. An ejected gateway is still tried when there is no other: a wrong judgement must not cut a network off.
 *
 * Bounds: 256 gateways that are not in service, the longest known is forgotten for another; one probe under way each. A
 * gateway that nothing has led to for 10 minutes is forgotten: it may have left the mesh.
 */
import { type Executable, formatSocketAddress, type SocketAddress } from '../routing/index.js';
import { type Backoff, type Clock, createBackoff, type Logger, type Scope, silentLogger } from '../runtime/index.js';

const PROBE_FIRST_MS = 1_000;
const PROBE_CAP_MS = 30_000;
const MAX_TRACKED = 256;
const FORGET_MS = 600_000;

export interface GatewayHealthInit {
  readonly clock: Clock;
  readonly log?: Logger;
  /** In [0, 1); spreads the probes of many proxies. */
  readonly random?: () => number;
}

/** A gateway that is not in service. All others are. */
export interface GatewayStatus {
  /** `ip:port` or `hostname:port`. */
  readonly address: string;
  readonly state: 'ejected' | 'on-trial';
  /** Of the last failure. */
  readonly reason: string;
  /** When `state` became what it is, milliseconds since the epoch. */
  readonly since: number;
}

/** Rejects when the gateway cannot be used. */
export type Probe = (signal: AbortSignal) => Promise<void>;

export interface GatewayHealth {
  /** The plan and its alternatives in the order to try them: what is in service first, each part in the plan's order. */
  inOrder(plan: Executable): readonly Executable[];
  failed(gateway: SocketAddress, reason: string, probe: Probe): void;
  succeeded(gateway: SocketAddress): void;
  status(): readonly GatewayStatus[];
}

/** The scope ends all probing. */
export function createGatewayHealth(scope: Scope, init: GatewayHealthInit): GatewayHealth {
  return new Ejections(scope, init);
}

interface Tracked {
  readonly address: string;
  readonly backoff: Backoff;
  state: GatewayStatus['state'];
  reason: string;
  since: number;
  probe: Probe;
  cancelProbe: () => void;
  /** Monotonic, when something last led to it. */
  wantedAt: number;
}

class Ejections implements GatewayHealth {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #signal: AbortSignal;
  readonly #tracked = new Map<string, Tracked>();

  constructor(scope: Scope, { clock, log = silentLogger, random = Math.random }: GatewayHealthInit) {
    this.#clock = clock;
    this.#log = log;
    this.#random = random;
    this.#signal = scope.signal;
    scope.own(() => {
      for (const { address } of this.#tracked.values()) this.#forget(address);
    });
  }

  inOrder(plan: Executable): readonly Executable[] {
    if (plan.kind !== 'nested') return [plan];
    const plans = [plan, ...plan.alternatives];
    if (this.#tracked.size === 0) return plans;
    const ejected = new Set(plans.filter((each) => this.#isEjected(each)));
    return [...plans.filter((each) => !ejected.has(each)), ...ejected];
  }

  failed(gateway: SocketAddress, reason: string, probe: Probe): void {
    if (this.#signal.aborted) return;
    const address = keyOf(gateway);
    const known = this.#tracked.get(address);
    // Connections that were under way together fail together: one ejection.
    if (known?.state === 'ejected') return;
    const tracked = known ?? this.#track(address, reason, probe);
    Object.assign(tracked, { state: 'ejected', reason, probe, since: this.#clock.now() });
    this.#log.warn({ gateway: address, reason }, 'gateway ejected, others are used until it answers again');
    this.#scheduleProbe(tracked);
  }

  succeeded(gateway: SocketAddress): void {
    if (this.#tracked.size === 0) return;
    const address = keyOf(gateway);
    if (this.#forget(address)) this.#log.info({ gateway: address }, 'gateway in service again');
  }

  status(): readonly GatewayStatus[] {
    return [...this.#tracked.values()].map(({ address, state, reason, since }) => ({ address, state, reason, since }));
  }

  #isEjected(plan: Executable): boolean {
    if (plan.kind !== 'nested') return false;
    const tracked = this.#tracked.get(keyOf(plan.outer.address));
    if (tracked) tracked.wantedAt = this.#clock.monotonic();
    return tracked?.state === 'ejected';
  }

  #track(address: string, reason: string, probe: Probe): Tracked {
    const [oldest] = this.#tracked.keys();
    if (oldest !== undefined && this.#tracked.size >= MAX_TRACKED) this.#forget(oldest);
    const tracked: Tracked = {
      address,
      backoff: createBackoff({ firstMs: PROBE_FIRST_MS, capMs: PROBE_CAP_MS, random: this.#random }),
      state: 'ejected',
      reason,
      since: this.#clock.now(),
      probe,
      cancelProbe: () => {},
      wantedAt: this.#clock.monotonic(),
    };
    this.#tracked.set(address, tracked);
    return tracked;
  }

  #scheduleProbe(tracked: Tracked): void {
    tracked.cancelProbe();
    tracked.cancelProbe = this.#clock.schedule(tracked.backoff.next(), () => void this.#probe(tracked));
  }

  /** Never rejects. */
  async #probe(tracked: Tracked): Promise<void> {
    const { address } = tracked;
    const failure = await tracked.probe(this.#signal).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    // A connection may have found out in the meantime.
    if (this.#tracked.get(address) !== tracked || tracked.state !== 'ejected') return;
    if (failure === undefined) {
      Object.assign(tracked, { state: 'on-trial', since: this.#clock.now() });
      this.#log.info({ gateway: address }, 'gateway answers again, on trial');
    } else if (this.#clock.monotonic() - tracked.wantedAt >= FORGET_MS) {
      this.#forget(address);
    } else {
      tracked.reason = failure;
      this.#scheduleProbe(tracked);
    }
  }

  #forget(address: string): boolean {
    this.#tracked.get(address)?.cancelProbe();
    return this.#tracked.delete(address);
  }
}

function keyOf({ host, port }: SocketAddress): string {
  return formatSocketAddress(host, port);
}
