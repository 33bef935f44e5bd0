/** The pieces that workloads and services share: ports, network addresses, gateway addresses. */
import { formatIp } from '../../wire/ip.js';
import type { workloadPb } from '../../wire/protos.js';
import { appProtocols } from '../enums.js';
import type { GatewayAddress, NetworkAddress, ServicePort } from '../model.js';
import { decodeEnum, decodePort, type ProblemList } from './problems.js';

/** Stands in for what was refused; never leaves the decoder. */
const NO_ADDRESS: NetworkAddress = { network: '', ip: '' };

export function decodeIp(bytes: Uint8Array, path: string, problems: ProblemList): string {
  const text = formatIp(bytes);
  if (text === undefined) problems.add(path, `${bytes.length} bytes, an IP address has 4 or 16`);
  return text ?? '';
}

/** The prefix length of a block, checked against the family of its address. */
export function decodePrefixLength(length: number, address: Uint8Array, path: string, problems: ProblemList): number {
  const bits = address.length * 8;
  // An address of a wrong size is a problem of its own, noted where it stands.
  const isFamily = bits === 32 || bits === 128;
  if (isFamily && length > bits) {
    problems.add(path, `${length}, the prefix of an ${bits === 32 ? 'IPv4' : 'IPv6'} address has at most ${bits} bits`);
  }
  return length;
}

export function decodeNetworkAddress(
  message: workloadPb.NetworkAddress,
  path: string,
  problems: ProblemList,
): NetworkAddress {
  const { network, address, length } = message;
  const ip = decodeIp(address, `${path}.address`, problems);
  if (length === undefined) return { network, ip };
  decodePrefixLength(length, address, `${path}.length`, problems);
  // A block of one address is that address; ztunnel files it under the exact ones too.
  return length === address.length * 8 ? { network, ip } : { network, ip, length };
}

export function decodeGatewayAddress(
  message: workloadPb.GatewayAddress,
  path: string,
  problems: ProblemList,
): GatewayAddress {
  const { destination, hboneMtlsPort } = message;
  const port = decodePort(hboneMtlsPort, `${path}.hboneMtlsPort`, problems);
  switch (destination.case) {
    case 'address': {
      const address = decodeNetworkAddress(destination.value, `${path}.address`, problems);
      return { destination: { kind: 'address', address }, hboneMtlsPort: port };
    }
    case 'hostname': {
      const { namespace, hostname } = destination.value;
      return { destination: { kind: 'hostname', name: { namespace, hostname } }, hboneMtlsPort: port };
    }
    default:
      problems.add(path, 'neither address nor hostname is set, so it leads nowhere');
      return { destination: { kind: 'address', address: NO_ADDRESS }, hboneMtlsPort: port };
  }
}

export function decodeServicePort(message: workloadPb.Port, path: string, problems: ProblemList): ServicePort {
  return {
    servicePort: decodePort(message.servicePort, `${path}.servicePort`, problems),
    targetPort: decodePort(message.targetPort, `${path}.targetPort`, problems),
    appProtocol: decodeEnum(appProtocols, message.appProtocol, `${path}.appProtocol`, problems),
  };
}
