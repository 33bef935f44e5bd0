/**
 * Kinds that name workloads: who this process is, and which listeners and ports belong to which local workload.
 * Workloads are named by namespace and pod name, as operators know them; the snapshot resolves the name.
 */
import { type Kind, type ListenAddress, parseLoopbackAddress, Refusal } from './kinds.js';

export interface WorkloadName {
  readonly namespace: string;
  readonly name: string;
}

/** `PROXY_WORKLOAD_INFO`: the one workload a dedicated proxy stands for. */
export interface WorkloadInfo extends WorkloadName {
  readonly serviceAccount: string;
}

export interface Socks5Listener {
  readonly workload: WorkloadName;
  readonly address: ListenAddress;
}

export interface OutboundListener extends Socks5Listener {
  /** Host name (or IP) and port every connection to this listener goes to. */
  readonly target: { readonly host: string; readonly port: number };
}

export interface PlaintextTarget {
  readonly workload: WorkloadName;
  readonly port: number;
}

export interface ServicePattern {
  /** Undefined: any, and every service there. */
  readonly namespace: string | undefined;
  /** Undefined: every service of the namespace. */
  readonly hostname: string | undefined;
}

/** A DNS-1123 subdomain: what Kubernetes allows as a pod name. */
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

export const workloadInfo: Kind<WorkloadInfo> = {
  name: 'namespace/name/serviceaccount',
  allowed: 'namespace/name/serviceaccount',
  parse(value) {
    const [namespace = '', name = '', serviceAccount = '', ...rest] = value.split('/');
    if (rest.length > 0 || ![namespace, name, serviceAccount].every((piece) => NAME.test(piece))) {
      throw new Refusal('is not three Kubernetes names joined by slashes');
    }
    return { namespace, name, serviceAccount };
  },
};

export const servicePattern: Kind<ServicePattern> = {
  name: 'namespace/hostname',
  allowed: 'namespace/hostname, namespace/* for every service of the namespace, or */* for all',
  parse(value) {
    if (value === '*/*') return { namespace: undefined, hostname: undefined };
    const [namespace = '', hostname = '', ...rest] = value.split('/');
    if (rest.length > 0 || !NAME.test(namespace) || (hostname !== '*' && !NAME.test(hostname))) {
      throw new Refusal('is not a namespace and the full hostname of a service, or *, joined by a slash');
    }
    return { namespace, hostname: hostname === '*' ? undefined : hostname };
  },
};

export const socks5Listener: Kind<Socks5Listener> = {
  name: 'namespace/pod@ip:port',
  allowed: 'namespace/pod@ip:port on a loopback address',
  parse(value) {
    const { workload, rest } = splitWorkload(value, '@');
    return { workload, address: parseLoopbackAddress(rest) };
  },
};

export const outboundListener: Kind<OutboundListener> = {
  name: 'namespace/pod@ip:port=host:port',
  allowed: 'namespace/pod@ip:port=service-host:port, listening on a loopback address',
  parse(value) {
    const at = value.indexOf('=');
    if (at < 0) throw new Refusal('has no =service-host:port');
    return { ...socks5Listener.parse(value.slice(0, at)), target: parseTarget(value.slice(at + 1)) };
  },
};

export const plaintextTarget: Kind<PlaintextTarget> = {
  name: 'namespace/pod=port',
  allowed: 'namespace/pod=port',
  parse(value) {
    const { workload, rest } = splitWorkload(value, '=');
    return { workload, port: parsePort(rest) };
  },
};

function splitWorkload(value: string, separator: string): { readonly workload: WorkloadName; readonly rest: string } {
  const at = value.indexOf(separator);
  const [namespace = '', name = '', ...more] = value.slice(0, Math.max(at, 0)).split('/');
  if (more.length > 0 || !NAME.test(namespace) || !NAME.test(name)) {
    throw new Refusal(`does not start with namespace/pod${separator}`);
  }
  return { workload: { namespace, name }, rest: value.slice(at + 1) };
}

function parseTarget(value: string): OutboundListener['target'] {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d+)$/i.exec(value);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw new Refusal(`has no service-host:port after the = sign`);
  return { host: host.toLowerCase(), port: parsePort(match?.[3] ?? '') };
}

function parsePort(value: string): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (port < 1 || port > 65_535) throw new Refusal(`names the port "${value}", which is not from 1 to 65535`);
  return port;
}
