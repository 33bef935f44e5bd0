/**
 * istio.workload.Workload -> model. Refuses what ztunnel refuses, and ports above 65535 and a missing uid besides.
 * Empty fields get ztunnel's defaults, so nobody downstream has to know them.
 */
import type { workloadPb } from '../../wire/protos.js';
import {
  applicationTunnelProtocols,
  networkModes,
  tunnelProtocols,
  workloadStatuses,
  workloadTypes,
} from '../enums.js';
import type { ServicePort, Workload } from '../model.js';
import { decodeGatewayAddress, decodeIp, decodeServicePort } from './parts.js';
import { createProblemList, type Decoded, decodeEnum, decodePort, type ProblemList } from './problems.js';

export const DEFAULT_TRUST_DOMAIN = 'cluster.local';
export const DEFAULT_SERVICE_ACCOUNT = 'default';
export const DEFAULT_CLUSTER_ID = 'Kubernetes';
const DEFAULT_CAPACITY = 1;

export function decodeWorkload(message: workloadPb.Workload): Decoded<Workload> {
  const problems = createProblemList();
  if (message.uid === '')
    problems.add('workload.uid', 'empty, it is the name the workload is stored and removed under');
  const { region = '', zone = '', subzone = '' } = message.locality ?? {};
  return problems.result({
    uid: message.uid,
    name: message.name,
    namespace: message.namespace,
    addresses: message.addresses.map((bytes, index) => decodeIp(bytes, `workload.addresses[${index}]`, problems)),
    hostname: message.hostname,
    network: message.network,
    clusterId: message.clusterId || DEFAULT_CLUSTER_ID,
    trustDomain: message.trustDomain || DEFAULT_TRUST_DOMAIN,
    serviceAccount: message.serviceAccount || DEFAULT_SERVICE_ACCOUNT,
    node: message.node,
    canonicalName: message.canonicalName,
    canonicalRevision: message.canonicalRevision,
    workloadName: message.workloadName,
    workloadType: decodeEnum(workloadTypes, message.workloadType, 'workload.workloadType', problems),
    locality: { region, zone, subzone },
    tunnelProtocol: decodeEnum(tunnelProtocols, message.tunnelProtocol, 'workload.tunnelProtocol', problems),
    nativeTunnel: message.nativeTunnel,
    networkMode: decodeEnum(networkModes, message.networkMode, 'workload.networkMode', problems),
    healthy: decodeEnum(workloadStatuses, message.status, 'workload.status', problems) === 'healthy',
    // Absent is 1; an explicit 0 stays and means never.
    capacity: message.capacity ?? DEFAULT_CAPACITY,
    authorizationPolicies: [...message.authorizationPolicies],
    services: decodeMemberships(message.services, problems),
    ...decodeReferences(message, problems),
  });
}

/** What may be absent. */
function decodeReferences(message: workloadPb.Workload, problems: ProblemList) {
  const { waypoint, networkGateway, applicationTunnel: tunnel } = message;
  return {
    ...(waypoint && { waypoint: decodeGatewayAddress(waypoint, 'workload.waypoint', problems) }),
    ...(networkGateway && {
      networkGateway: decodeGatewayAddress(networkGateway, 'workload.networkGateway', problems),
    }),
    ...(tunnel && {
      applicationTunnel: {
        protocol: decodeEnum(
          applicationTunnelProtocols,
          tunnel.protocol,
          'workload.applicationTunnel.protocol',
          problems,
        ),
        port: decodePort(tunnel.port, 'workload.applicationTunnel.port', problems),
      },
    }),
  };
}

function decodeMemberships(
  services: workloadPb.Workload['services'],
  problems: ProblemList,
): ReadonlyMap<string, readonly ServicePort[]> {
  const memberships = new Map<string, readonly ServicePort[]>();
  for (const [key, { ports }] of Object.entries(services)) {
    const path = `workload.services["${key}"]`;
    if (!key.includes('/')) problems.add(path, 'not of the form namespace/hostname');
    memberships.set(
      key,
      ports.map((port, index) => decodeServicePort(port, `${path}.ports[${index}]`, problems)),
    );
  }
  return memberships;
}
