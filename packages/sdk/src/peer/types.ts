import type { WorkloadType } from '../wire/workload-type.js';

export { WORKLOAD_TYPES, type WorkloadType } from '../wire/workload-type.js';

/**
 * What one workload may tell about itself. Absent means unknown; an empty string never occurs.
 * The wire names are in the table of `keys.ts`; nothing else spells them.
 */
export interface PeerMetadata {
  readonly cluster?: string;
  readonly namespace?: string;
  /** The controller's name: deployment, job, cronjob, or the pod itself. */
  readonly workload?: string;
  readonly workloadType?: WorkloadType;
  readonly canonicalName?: string;
  readonly canonicalRevision?: string;
  readonly app?: string;
  readonly version?: string;
  /** Pod name. */
  readonly instance?: string;
  readonly region?: string;
  readonly zone?: string;
}

/** One end of a connection as far as it is known, merged by precedence. */
export interface Peer extends PeerMetadata {
  /** SPIFFE URI; only ever from a verified certificate, or from the registry for a hop that was verified against it. */
  readonly principal?: string;
}
