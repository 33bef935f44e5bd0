/**
 * THE table of baggage keys: what a workload says about itself on the wire, and which field of `PeerMetadata` each key
 * fills. Encoder, decoder, codec registration and metric labels derive from it; nothing else spells a key. A field
 * added to `PeerMetadata` does not compile until it has its row here. Identity has no row: it comes from certificates.
 *
 * Order is the order of writing. First ztunnel's seven keys as ztunnel writes them, so that its logs and ours compare
 * byte for byte; then the keys that only Envoy's peer metadata filters read.
 */
import { WORKLOAD_TYPES, type WorkloadType } from '../wire/workload-type.js';
import type { PeerMetadata } from './types.js';

/** Fields with a value of their own on the wire; the workload type is told by the key of the workload's name. */
export type CarriedField = Exclude<keyof PeerMetadata, 'workloadType'>;

export interface PeerKeyRow {
  /** The baggage key. */
  readonly key: string;
  readonly field: CarriedField;
  /** This key names a workload of that type. */
  readonly workloadType?: WorkloadType;
  /**
   * Each stands in for the other: on reading a missing one takes the value of its twin, hence on writing this key is left
   * out when both are equal (Envoy's rule for `app.*` and `service.*`).
   */
  readonly twin?: CarriedField;
}

const ROWS_BY_FIELD: Readonly<Record<CarriedField, readonly Omit<PeerKeyRow, 'field'>[]>> = {
  cluster: [{ key: 'k8s.cluster.name' }],
  namespace: [{ key: 'k8s.namespace.name' }],
  workload: WORKLOAD_TYPES.map((workloadType) => ({ key: `k8s.${workloadType}.name`, workloadType })),
  canonicalName: [{ key: 'service.name' }],
  canonicalRevision: [{ key: 'service.version' }],
  region: [{ key: 'cloud.region' }],
  zone: [{ key: 'cloud.availability_zone' }],
  app: [{ key: 'app.name', twin: 'canonicalName' }],
  version: [{ key: 'app.version', twin: 'canonicalRevision' }],
  instance: [{ key: 'k8s.instance.name' }],
};

export const PEER_ROWS: readonly PeerKeyRow[] = (Object.keys(ROWS_BY_FIELD) as CarriedField[]).flatMap((field) =>
  ROWS_BY_FIELD[field].map((row) => ({ ...row, field })),
);

/** The keys alone, in the same order: what a codec registers, so that its key indexes are row indexes. */
export const PEER_KEYS: readonly string[] = PEER_ROWS.map((row) => row.key);
