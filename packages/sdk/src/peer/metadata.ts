/** From the registry's record of a workload to what that workload says about itself. */
import type { Workload } from '../discovery/model.js';
import type { PeerMetadata } from './types.js';

/** Fields still being decided; an empty text means unknown and leaves the field out. */
type Draft = { -readonly [F in keyof PeerMetadata]: PeerMetadata[F] | undefined };

/** Drops what is undefined or empty, so that absence has one form. */
function definedMetadata(draft: Draft): PeerMetadata {
  const kept = Object.entries(draft).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(kept) as PeerMetadata;
}

/**
 * Metadata of a registered workload. `app` and `version` are the canonical name and revision, as in ztunnel's labels and
 * in Envoy's workload discovery. A record without a workload name has no type and no instance either: its type is a
 * default of the wire format and its name that of the record, not knowledge about a pod.
 */
export function metadataOf(workload: Workload): PeerMetadata {
  const { workloadName, canonicalName, canonicalRevision, locality } = workload;
  const named = workloadName !== '';
  return definedMetadata({
    cluster: workload.clusterId,
    namespace: workload.namespace,
    workload: workloadName,
    workloadType: named ? workload.workloadType : undefined,
    canonicalName,
    canonicalRevision,
    region: locality.region,
    zone: locality.zone,
    app: canonicalName,
    version: canonicalRevision,
    instance: named ? workload.name : undefined,
  });
}
