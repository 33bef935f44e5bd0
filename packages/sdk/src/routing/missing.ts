/**
 * What a plan would need that the snapshot does not hold, by the names a control plane is asked for them: `network/ip` and
 * `namespace/hostname`. For proxies that are told of addresses on demand only. Asked again after each answer, because a
 * service that has come names a waypoint, and a record of another network its gateway.
 */
import type { GatewayAddress, Service, Snapshot, Workload } from '../discovery/model.js';
import { canonicalHostname, parseAuthority } from './authority.js';
import { plainIp } from './ip.js';
import { meaningOf } from './meaning.js';
import type { OutboundRequest } from './outbound.js';
import { readPodName } from './pod-names.js';
import { dereference, waypointsOf } from './reference.js';
import { CLUSTER_DOMAIN, searchNames } from './search-names.js';

/** What `localhost` means. The rest of 127.0.0.0/8 is where meshes on one machine have their addresses. */
const OWN_HOST: ReadonlySet<string> = new Set(['127.0.0.1', '::1']);

export function missingOutbound(
  snapshot: Snapshot,
  { source, network, target }: Pick<OutboundRequest, 'source' | 'network' | 'target'>,
): readonly string[] {
  const originalIp = plainIp(target.kind === 'address' ? target.ip : target.hostname);
  const hostname =
    target.kind === 'hostname' && originalIp === undefined ? canonicalHostname(target.hostname) : undefined;
  const { port } = target;
  const meaning = meaningOf({ snapshot, source, network, random: () => 0, port, originalIp, hostname });
  switch (meaning.kind) {
    case 'service':
      return missingOf(snapshot, meaning.service);
    case 'workload':
      return unresolved(snapshot, waypointsOf(meaning.workload));
    case 'nothing':
      if (originalIp !== undefined) return OWN_HOST.has(originalIp) ? [] : [`${network}/${originalIp}`];
      return hostname === undefined ? [] : namesOf(hostname, source.namespace);
  }
}

/** Of a tunnel that came in for a name: the services of the workload that have it. */
export function missingInbound(snapshot: Snapshot, local: Workload, authority: string | undefined): readonly string[] {
  const reading = parseAuthority(authority);
  if (!reading.ok || reading.authority.kind === 'address') return [];
  const { hostname } = reading.authority;
  return [...local.services.keys()].filter((key) => key.endsWith(`/${hostname}`) && !snapshot.service(key));
}

function missingOf(snapshot: Snapshot, service: Service): readonly string[] {
  const waypoints = waypointsOf(service);
  const fronts = waypoints.flatMap((reference) => dereference(snapshot, reference)?.workloads ?? []);
  const gateways = [...snapshot.endpoints(service.key), ...fronts].flatMap(
    ({ networkGateway }) => networkGateway ?? [],
  );
  return unresolved(snapshot, [...waypoints, ...gateways]);
}

function unresolved(snapshot: Snapshot, references: readonly GatewayAddress[]): readonly string[] {
  return [...new Set(references.filter((each) => !dereference(snapshot, each)).map(nameOf))];
}

function nameOf({ destination }: GatewayAddress): string {
  return destination.kind === 'hostname'
    ? `${destination.name.namespace}/${destination.name.hostname}`
    : `${destination.address.network}/${destination.address.ip}`;
}

/**
 * A name of Kubernetes says its namespace; another one can be found in the client's own only. A pod's name may be a service of
 * its own, or a member of the service that stands in it.
 */
function namesOf(hostname: string, namespace: string): readonly string[] {
  const names = searchNames(hostname, namespace).flatMap((name) => {
    const pod = readPodName(name);
    if (pod) return [`${pod.namespace}/${name}`, `${pod.namespace}/${pod.service}`];
    const [, second] = name.endsWith(`.svc.${CLUSTER_DOMAIN}`) ? name.split('.') : [];
    return [`${second ?? namespace}/${name}`];
  });
  return [...new Set(names)];
}
