/** Model -> istio.workload.Service. */
import { create } from '@bufbuild/protobuf';
import { workloadPb } from '../../wire/protos.js';
import { balancingModes, healthPolicies, ipFamilies, routingScopes, visibilities } from '../enums.js';
import type { Service } from '../model.js';
import { encodeGatewayAddress, encodeNetworkAddress, encodeServicePort } from './workload.js';

export function encodeService(service: Service): workloadPb.Service {
  const { waypoint, weightedWaypoints = [], loadBalancing } = service;
  return create(workloadPb.ServiceSchema, {
    name: service.name,
    namespace: service.namespace,
    hostname: service.hostname,
    addresses: service.addresses.map(encodeNetworkAddress),
    ports: service.ports.map(encodeServicePort),
    subjectAltNames: [...service.subjectAltNames],
    ...(waypoint && { waypoint: encodeGatewayAddress(waypoint) }),
    weightedWaypoints: weightedWaypoints.map(({ destination, weight }) => ({
      destination: encodeGatewayAddress(destination),
      weight,
    })),
    ...(loadBalancing && {
      loadBalancing: {
        mode: balancingModes.encode(loadBalancing.mode),
        routingPreference: loadBalancing.routingPreference.map((scope) => routingScopes.encode(scope)),
        healthPolicy: healthPolicies.encode(loadBalancing.healthPolicy),
      },
    }),
    ipFamilies: ipFamilies.encode(service.ipFamilies),
    canonical: service.canonical,
    ingressUseWaypoint: service.ingressUseWaypoint,
    visibility: visibilities.encode(service.visibility),
  });
}
