/** Executing a plan: from a decision to a connection that carries bytes. */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Workload } from '../discovery/index.js';
import type { Tunnel } from '../hbone/index.js';
import type { Peer } from '../peer/index.js';
import type { Executable } from '../routing/index.js';

export interface OriginateRequest {
  /** The workload on whose behalf the connection is made: its identity opens the tunnel, its metadata is the baggage. */
  readonly source: Workload;
  /** `ip:port` of the client, for `forwarded`. */
  readonly clientAddress: string;
  /** Client IP, part of the pool key. */
  readonly clientIp: string;
  readonly traceparent?: string;
  /** Sent as `x-istio-source` on the outer CONNECT. */
  readonly sourceRole?: 'waypoint' | 'gateway';
  readonly signal?: AbortSignal;
}

/** A connection to the destination (or to the next proxy on the way). */
export interface Originated {
  readonly channel:
    | { readonly kind: 'tcp'; readonly socket: Socket }
    | { readonly kind: 'tunnel'; readonly tunnel: Tunnel };
  /** Who serves, by the precedence of certificate, registry, baggage. */
  readonly destination: Peer;
  /** `ip:port` dialled. */
  readonly address: string;
  readonly authority?: string;
  readonly mutualTls: boolean;
  duplex(): Duplex;
}

/** Rejects with a `Fault`. */
export type Originate = (plan: Executable, request: OriginateRequest) => Promise<Originated>;
