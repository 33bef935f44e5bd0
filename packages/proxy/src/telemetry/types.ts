/**
 * What the data path tells telemetry. The path imports these types only; the registry behind them renders Prometheus
 * text and access logs (`index.ts` builds it, `parts.ts` plugs it in).
 */
import type { Service } from '@isthmus/sdk/discovery';
import type { Peer } from '@isthmus/sdk/peer';
import type { FaultCode } from '@isthmus/sdk/wire';

/** Istio's three; `gateway` is an east-west gateway, which counts under `isthmus_gateway_*` only (see reporters.ts). */
export type Reporter = 'source' | 'destination' | 'waypoint' | 'gateway';

/** One L4 connection, as ztunnel's TCP metrics and access log describe it. */
export interface ConnectionFacts {
  readonly reporter: Reporter;
  readonly source: Peer;
  /** Best knowledge before the peer answered; `opened` refines it. */
  readonly destination: Peer;
  readonly service?: Pick<Service, 'hostname' | 'name' | 'namespace'>;
  /** `ip:port` of the client. */
  readonly sourceAddress: string;
  /** `ip:port` dialled, or the original destination on inbound. */
  readonly destinationAddress: string;
  /** The CONNECT authority. */
  readonly hboneAddress?: string;
  /** What the client asked for, where that is not the address dialled. */
  readonly askedAddress?: string;
  /** One tunnel inside another. */
  readonly nested?: boolean;
  readonly mutualTls: boolean;
}

/** A connection under way, for admin pages and periodic log lines. */
export interface OpenConnectionFacts {
  readonly facts: ConnectionFacts;
  readonly received: number;
  readonly sent: number;
  readonly durationMs: number;
}

/** Byte directions are the data path's: `received` is client to server, `sent` is server to client. */
export interface ConnectionRecord {
  received(bytes: number): void;
  sent(bytes: number): void;
  /** The tunnel is up: counts `opened`, with the destination as it is known now. */
  opened(destination?: Peer): void;
  /** Exactly once: counts `closed` (and `failed`), writes the access log line. */
  close(outcome: Outcome): void;
}

/** `drained`: this proxy was told to stop and cut the connection; logged as an error, but nothing failed. */
export type Outcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'drained'; readonly message: string }
  | { readonly kind: 'fault'; readonly code: FaultCode; readonly message: string };

/** One HTTP or gRPC request at a waypoint. */
export interface RequestFacts {
  readonly source: Peer;
  readonly destination: Peer;
  readonly service?: Pick<Service, 'hostname' | 'name' | 'namespace'>;
  readonly protocol: 'http' | 'grpc';
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  /** 0 when no response was sent. */
  readonly responseCode: number;
  readonly grpcStatus?: number;
  /** Envoy short flag, absent when none. */
  readonly fault?: { readonly code: FaultCode; readonly message: string };
  readonly durationMs: number;
  /** Body bytes. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly sourceAddress: string;
  readonly upstreamAddress?: string;
  readonly mutualTls: boolean;
}

export interface Telemetry {
  connection(facts: ConnectionFacts): ConnectionRecord;
  request(facts: RequestFacts): void;
  /** A connection refused before anything is known about its ends: one warning line, no metric. */
  earlyDeny(facts: {
    readonly reporter: Reporter;
    readonly sourceAddress: string;
    /** As its certificate proves it. */
    readonly sourceIdentity?: string | undefined;
    readonly destinationAddress: string;
    readonly code: FaultCode;
    readonly message: string;
  }): void;
}
