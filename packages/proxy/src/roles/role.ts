/** What every role is given, and what a role is. A role composes accept, decide and originate; it decides nothing. */
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import type { CertificateSource, Revocations } from '@isthmus/sdk/identity';
import type { GatewayHealth, Originate } from '@isthmus/sdk/originate';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { HandedOver } from '../capture/interception/handed-over.js';
import type { Settings } from '../config.js';
import type { Telemetry } from '../telemetry/types.js';

export interface RoleContext {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly certificates: CertificateSource;
  /** Revocation lists to obey; undefined where CRL_PATH names none. */
  readonly revocations?: Revocations | undefined;
  readonly telemetry: Telemetry;
  readonly originate: Originate;
  /** Gateways of other networks that are out of service. */
  readonly gateways: Pick<GatewayHealth, 'status'>;
  /** The newest snapshot. */
  snapshot(): Snapshot;
  /** Asks for addresses by name where the proxy is told of them on demand; see `DiscoveryClient.demand`. */
  demand?(names: readonly string[]): Promise<readonly string[]>;
  /** Calls back after each change of the snapshot, until the scope closes. */
  onSnapshot(scope: Scope, listener: (snapshot: Snapshot) => void): void;
  /** Listening sockets that the head of this process's group opened for it. */
  readonly listeners?: HandedOver | undefined;
  /** Aborts when the process drains: stop accepting, let what runs finish. */
  readonly drain: AbortSignal;
}

export interface Role {
  readonly name: 'ztunnel' | 'waypoint' | 'east-west-gateway';
  /** The SPIFFE node type in the xDS node id. */
  readonly nodeType: 'ztunnel' | 'waypoint' | 'router';
  readonly summary: string;
  /** Resolves when every listener that can be bound is bound; `scope` owns all of them. */
  start(scope: Scope, context: RoleContext): Promise<RunningRole>;
}

export interface RunningRole {
  /** Workloads this process stands for now. */
  localWorkloads(): readonly Workload[];
  /** Open connections, for drain and for the admin page. */
  openConnections(): number;
}
