/**
 * Connections to applications, kept for the next request. One bucket per endpoint, or per record that stands for a remote
 * network, and HTTP version. The bucket's key holds everything that decides where a connection leads and as whom its far
 * end must prove itself, so a request never meets a connection made for another destination (istio/istio#58630).
 *
 * Bounds: connections per bucket and in all, waiting requests, idle time and age, all from `limits.ts`.
 */

import type { Originated } from '@isthmus/sdk/originate';
import type { Plan, RefusePlan } from '@isthmus/sdk/routing';
import type { Clock } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';
import type { HttpVersion } from './exchange.js';
import type { HttpLimits } from './limits.js';
import type { PoolRules } from './pool-policy.js';
import { type Bucket, createBucket } from './upstream-bucket.js';
import type { UpstreamConnection } from './upstream-connection.js';
import { createHttp1Connection } from './upstream-http1.js';
import { createHttp2Connection } from './upstream-http2.js';

export type OpenPlan = Exclude<Plan, RefusePlan>;

export interface UpstreamPoolInit {
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly random: () => number;
  /** Rejects with a `Fault`. */
  open(plan: OpenPlan): Promise<Originated>;
}

export interface PoolRequest {
  readonly plan: OpenPlan;
  readonly version: HttpVersion;
  readonly signal: AbortSignal;
}

export interface UpstreamPool {
  /**
   * Runs `use` with a connection that has room, at once on finding it, so that nobody else takes the room. Rejects with a
   * `Fault` when none could be had, with the signal's reason when it aborts first, and with what `use` throws.
   */
  with<Result>(request: PoolRequest, use: (connection: UpstreamConnection) => Result): Promise<Result>;
  /** Connections open and being opened. */
  readonly size: number;
  close(): void;
}

const CREATE = { http1: createHttp1Connection, http2: createHttp2Connection };

export function createUpstreamPool(init: UpstreamPoolInit): UpstreamPool {
  const { limits, clock } = init;
  const buckets = new Map<string, Bucket>();
  let size = 0;
  let cancelSweep: (() => void) | undefined;

  const permits = {
    tryAcquire() {
      if (size >= limits.upstreamTotal && !evictIdle()) return false;
      size++;
      return true;
    },
    release() {
      size--;
    },
  };

  return {
    with: ({ plan, version, signal }, use) => bucketFor(plan, version).with(signal, use),
    get size() {
      return size;
    },
    close() {
      cancelSweep?.();
      const fault = new Fault('TUNNEL_LOST', 'this proxy is stopping');
      for (const bucket of buckets.values()) bucket.close(fault);
    },
  };

  function bucketFor(plan: OpenPlan, version: HttpVersion): Bucket {
    const key = bucketKey(plan, version);
    const existing = buckets.get(key);
    if (existing) return existing;
    const bucket = createBucket({
      ...bucketRules(plan, version, limits),
      name: addressOf(plan),
      clock,
      random: init.random,
      permits,
      connect: async () => {
        const originated = await init.open(plan);
        return (events) => CREATE[version]({ originated, limits, events });
      },
      onEmpty: () => {
        if (buckets.get(key) === bucket) buckets.delete(key);
      },
    });
    buckets.set(key, bucket);
    scheduleSweep();
    return bucket;
  }

  function scheduleSweep(): void {
    cancelSweep ??= clock.schedule(limits.sweepMs, () => {
      cancelSweep = undefined;
      for (const bucket of buckets.values()) bucket.sweep();
      if (buckets.size > 0) scheduleSweep();
    });
  }

  /** Makes room for a busy destination at the cost of one that nobody uses now. */
  function evictIdle(): boolean {
    for (const bucket of buckets.values()) if (bucket.evictIdle()) return true;
    return false;
  }
}

function bucketRules(plan: OpenPlan, version: HttpVersion, limits: HttpLimits) {
  const remote = plan.kind === 'nested';
  const rules: PoolRules = {
    // More connections than the remote network has capacity lead to no further backend.
    spread: remote ? Math.max(1, Math.min(limits.remoteSpread, plan.destination.capacity)) : 1,
    maxConnections: version === 'http1' ? limits.upstreamPerEndpoint : limits.upstreamSessions,
    maxWaiting: limits.upstreamWaiting,
    perConnection: version === 'http1' ? 1 : limits.upstreamStreams,
  };
  const ageMs = remote ? limits.remoteAgeMs : limits.upstreamAgeMs;
  return { rules, ageMs, idleMs: limits.upstreamIdleMs, pauseMs: limits.sweepMs };
}

function bucketKey(plan: OpenPlan, version: HttpVersion): string {
  const address = addressOf(plan);
  switch (plan.kind) {
    case 'direct':
      return JSON.stringify([version, plan.kind, address]);
    case 'tunnel':
      return JSON.stringify([version, plan.destination.uid, address, plan.hop.expected, plan.authority]);
    case 'nested':
      return JSON.stringify([
        version,
        plan.destination.uid,
        address,
        plan.outer.expected,
        plan.innerExpected,
        plan.authority,
      ]);
  }
}

function addressOf(plan: OpenPlan): string {
  const { host, port } =
    plan.kind === 'direct' ? plan.address : plan.kind === 'tunnel' ? plan.hop.address : plan.outer.address;
  return `${host}:${port}`;
}
