/** Model -> istio.workload messages. The inverse of `decode/`: decoding what is encoded here gives an equal model. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { parseIp } from '../../wire/ip.js';
import { workloadPb } from '../../wire/protos.js';
import {
  applicationTunnelProtocols,
  appProtocols,
  networkModes,
  tunnelProtocols,
  workloadStatuses,
  workloadTypes,
} from '../enums.js';
import type { GatewayAddress, NetworkAddress, ServicePort, Workload } from '../model.js';

export function encodeWorkload(workload: Workload): workloadPb.Workload {
  const { addresses, services, waypoint, networkGateway, applicationTunnel, healthy, ...same } = workload;
  return create(workloadPb.WorkloadSchema, {
    ...same,
    addresses: addresses.map(encodeIp),
    authorizationPolicies: [...workload.authorizationPolicies],
    workloadType: workloadTypes.encode(workload.workloadType),
    tunnelProtocol: tunnelProtocols.encode(workload.tunnelProtocol),
    networkMode: networkModes.encode(workload.networkMode),
    status: workloadStatuses.encode(healthy ? 'healthy' : 'unhealthy'),
    services: Object.fromEntries([...services].map(([key, ports]) => [key, { ports: ports.map(encodeServicePort) }])),
    ...(waypoint && { waypoint: encodeGatewayAddress(waypoint) }),
    ...(networkGateway && { networkGateway: encodeGatewayAddress(networkGateway) }),
    ...(applicationTunnel && {
      applicationTunnel: {
        protocol: applicationTunnelProtocols.encode(applicationTunnel.protocol),
        port: applicationTunnel.port,
      },
    }),
  });
}

export function encodeServicePort({ servicePort, targetPort, appProtocol }: ServicePort) {
  return { servicePort, targetPort, appProtocol: appProtocols.encode(appProtocol) };
}

export function encodeGatewayAddress(
  gateway: GatewayAddress,
): MessageInitShape<typeof workloadPb.GatewayAddressSchema> {
  const { destination, hboneMtlsPort } = gateway;
  return {
    hboneMtlsPort,
    destination:
      destination.kind === 'address'
        ? { case: 'address', value: encodeNetworkAddress(destination.address) }
        : { case: 'hostname', value: { ...destination.name } },
  };
}

export function encodeNetworkAddress({ network, ip, length }: NetworkAddress) {
  return { network, address: encodeIp(ip), ...(length !== undefined && { length }) };
}

/** Throws on text that is no IP address: a model that holds one was not made by a decoder. */
export function encodeIp(text: string): Uint8Array {
  const bytes = parseIp(text);
  if (!bytes) throw new TypeError(`"${text}" is not an IP address`);
  return bytes;
}
