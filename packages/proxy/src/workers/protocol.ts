/**
 * What the head of a group and its workers say to each other. The head alone speaks to the control plane; what it
 * learns goes to the workers in this order: `start`, trust bundles, certificates, the state in batches, `synced`, then every change.
 * Private keys travel here and nowhere else: the channel is inherited, it has no name and touches no file.
 */
import type { TrustBundles } from '@isthmus/sdk/identity';
import type { GatewayStatus } from '@isthmus/sdk/originate';
import type { ProfileOptions } from '../admin/diagnostics.js';
import type { ConnectionDump } from '../admin/dump-connections.js';
import type { HandedOver } from '../capture/interception/handed-over.js';
import type { Settings } from '../config.js';
import type { LogLevels } from '../telemetry/log-levels.js';
import type { ProcessState } from '../telemetry/merged.js';
import type { WireCredential } from './credentials.js';

export interface WorkerStart {
  readonly settings: Settings;
  readonly logLevels: LogLevels;
  /** Descriptors of the head's to listen on, where workers cannot open what they need. */
  readonly listeners: HandedOver | undefined;
}

export interface WorkerReport extends ProcessState {
  readonly openConnections: number;
  /** Those that this worker found out of service. */
  readonly gateways: readonly GatewayStatus[];
}

export interface FromHead {
  readonly tell: {
    readonly start: WorkerStart;
    readonly credential: WireCredential;
    readonly forget: string;
    /** Null: nobody has said whose roots are whose. */
    readonly trust: TrustBundles | null;
    /** A serialised `Batch`. */
    readonly batch: Uint8Array;
    /** What came before is all there is: the role may start. */
    readonly synced: null;
    readonly logLevels: LogLevels;
    readonly drain: null;
    /** Cut what is left and exit. */
    readonly stop: null;
  };
  readonly ask: {
    readonly report: readonly [null, WorkerReport];
    readonly connections: readonly [null, readonly ConnectionDump[]];
    readonly cpuProfile: readonly [ProfileOptions, string];
    /** The next piece of a heap snapshot, which is begun anew by `first`; null after the last one. */
    readonly heapSnapshot: readonly [{ readonly first: boolean }, Uint8Array | null];
  };
}

export interface FromWorker {
  readonly tell: {
    /** Ready to be told. */
    readonly hello: null;
    /** Every listener that can be bound is bound. */
    readonly serving: null;
    /** Why it cannot serve; it exits next. */
    readonly failed: string;
    /** Nothing is under way any more, or the deadline has passed. */
    readonly drained: null;
  };
  readonly ask: {
    /** The newest certificate of that identity, issued when there is none. */
    readonly certificate: readonly [identity: string, WireCredential];
    /** Addresses by name, where they are told of on demand. What came is told as a batch before the answer: the names nobody answered. */
    readonly demand: readonly [names: readonly string[], unanswered: readonly string[]];
  };
}
