/** istio.workload.Service -> model. Refuses what ztunnel refuses, and ports above 65535 and a missing hostname besides. */
import type { workloadPb } from '../../wire/protos.js';
import { balancingModes, healthPolicies, ipFamilies, routingScopes, visibilities } from '../enums.js';
import type { GatewayAddress, LoadBalancing, Service, WeightedWaypoint } from '../model.js';
import { decodeGatewayAddress, decodeNetworkAddress, decodeServicePort } from './parts.js';
import { createProblemList, type Decoded, decodeEnum, type ProblemList } from './problems.js';

export function decodeService(message: workloadPb.Service): Decoded<Service> {
  const problems = createProblemList();
  const { name, namespace, hostname, loadBalancing } = message;
  if (hostname === '') problems.add('service.hostname', 'empty, a service is stored and removed as namespace/hostname');
  return problems.result({
    key: `${namespace}/${hostname}`,
    name,
    namespace,
    hostname,
    addresses: message.addresses.map((address, index) =>
      decodeNetworkAddress(address, `service.addresses[${index}]`, problems),
    ),
    ports: message.ports.map((port, index) => decodeServicePort(port, `service.ports[${index}]`, problems)),
    subjectAltNames: [...message.subjectAltNames],
    ...(loadBalancing && { loadBalancing: decodeLoadBalancing(loadBalancing, problems) }),
    ...decodeWaypoints(message, problems),
    ipFamilies: decodeEnum(ipFamilies, message.ipFamilies, 'service.ipFamilies', problems),
    canonical: message.canonical,
    ingressUseWaypoint: message.ingressUseWaypoint,
    visibility: decodeEnum(visibilities, message.visibility, 'service.visibility', problems),
  });
}

function decodeLoadBalancing(message: workloadPb.LoadBalancing, problems: ProblemList): LoadBalancing {
  const path = 'service.loadBalancing';
  return {
    mode: decodeEnum(balancingModes, message.mode, `${path}.mode`, problems),
    routingPreference: message.routingPreference.map((scope, index) =>
      decodeEnum(routingScopes, scope, `${path}.routingPreference[${index}]`, problems),
    ),
    healthPolicy: decodeEnum(healthPolicies, message.healthPolicy, `${path}.healthPolicy`, problems),
  };
}

function decodeWaypoints(
  message: workloadPb.Service,
  problems: ProblemList,
): Pick<Service, 'waypoint' | 'weightedWaypoints'> {
  const weighted = message.weightedWaypoints.map(({ destination, weight }, index): WeightedWaypoint => {
    const path = `service.weightedWaypoints[${index}]`;
    return { destination: decodeRequired(destination, `${path}.destination`, problems), weight };
  });
  const single = message.waypoint && decodeGatewayAddress(message.waypoint, 'service.waypoint', problems);
  // Whoever looks at `waypoint` alone must not come to believe that there is none and go around it.
  const waypoint = single ?? heaviest(weighted);
  return { ...(waypoint && { waypoint }), ...(weighted.length > 0 && { weightedWaypoints: weighted }) };
}

function decodeRequired(
  message: workloadPb.GatewayAddress | undefined,
  path: string,
  problems: ProblemList,
): GatewayAddress {
  if (message) return decodeGatewayAddress(message, path, problems);
  problems.add(path, 'absent');
  return { destination: { kind: 'hostname', name: { namespace: '', hostname: '' } }, hboneMtlsPort: 0 };
}

function heaviest(waypoints: readonly WeightedWaypoint[]): GatewayAddress | undefined {
  let best: WeightedWaypoint | undefined;
  for (const candidate of waypoints) {
    if (candidate.weight > (best?.weight ?? 0)) best = candidate;
  }
  return best?.destination;
}
