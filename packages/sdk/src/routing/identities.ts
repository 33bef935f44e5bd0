/**
 * Who may prove to be whom: the expected lists of every hop (ztunnel's table). An entry is compared for equality with the
 * URI SANs of a certificate, so an entry that is no SPIFFE id could never match and is dropped here, where it can be told.
 */
import type { Service, Workload } from '../discovery/model.js';
import { formatSpiffeId, parseSpiffeId } from '../wire/spiffe.js';

export function identityOf(workload: Workload): string {
  return formatSpiffeId(workload);
}

/**
 * A record that stands for all of a service on another network (istiod's split-horizon workload): only a gateway to dial.
 * Its service account is a default of the wire format and nobody's identity.
 */
export function standsForNetwork(workload: Workload): boolean {
  return workload.networkGateway !== undefined && workload.addresses.length === 0 && workload.hostname === '';
}

/** One hop to a known workload, reached by itself or through a service that lists it. */
export function expectedAt(workload: Workload, service: Service | undefined): readonly string[] {
  return distinct([...(service?.subjectAltNames ?? []), identityOf(workload)]);
}

/** The far end of an inner tunnel: nobody knows which workload will answer, so only what the service declares counts. */
export function expectedBehindGateway(service: Service): readonly string[] {
  return distinct(service.subjectAltNames);
}

/** What a group of workloads, and the service that fronts them, may prove. */
export function identitiesOf(workloads: readonly Workload[], service: Service | undefined): readonly string[] {
  const known = workloads.filter((workload) => !standsForNetwork(workload)).map(identityOf);
  return distinct([...(service?.subjectAltNames ?? []), ...known]);
}

function distinct(identities: readonly string[]): readonly string[] {
  return [...new Set(identities)].filter((identity) => parseSpiffeId(identity) !== undefined);
}
