/**
 * Who is where. Two network namespaces joined by a cable: one has the real ztunnel with its application, the other has
 * everything of ours. Cluster east (network net-a) has both of them, west (net-b) is ours alone and is reached through gateways only.
 */
export const PREFIX_LENGTH = 24;

export const REAL_IP = '10.77.0.1';
export const OURS = {
  eastZtunnel: '10.77.0.2',
  westGateway: '10.77.0.4',
  westZtunnel: '10.77.0.5',
  eastGateway: '10.77.0.6',
  waypoint: '10.77.0.7',
  eastControlPlane: '10.77.0.10',
  westControlPlane: '10.77.0.11',
} as const;

/** Cluster addresses of services, in the range that a Kubernetes API has for them; nobody has them, ztunnels know them. */
export const VIP = {
  zt: '10.96.99.1',
  ts: '10.96.99.2',
  tsWeb: '10.96.99.3',
  ztWeb: '10.96.99.4',
  waypoint: '10.96.99.7',
  remoteInEast: '10.96.99.9',
  remoteInWest: '10.96.98.1',
} as const;

export const ECHO_PORT = 9000;
export const WEB_PORT = 9080;

export const TRUST_DOMAIN = 'cluster.local';
export const TOKEN = { issuer: 'isthmus-interop', audience: 'istio-ca' } as const;

export type ClusterId = 'east' | 'west';
export const CLUSTERS: readonly ClusterId[] = ['east', 'west'];
export const NETWORK: Readonly<Record<ClusterId, string>> = { east: 'net-a', west: 'net-b' };

export const CONTROL_PLANE: Readonly<Record<ClusterId, string>> = {
  east: OURS.eastControlPlane,
  west: OURS.westControlPlane,
};

/** All that any process here has of the user's own environment. */
export const BASE_ENV = { PATH: process.env.PATH ?? '' };

/** A process's own loopback address where several of ours share a namespace: the last number of its address. */
export function loopbackOf(ip: string): string {
  return `127.0.0.${ip.split('.')[3]}`;
}

/** Where a process is: `real` or `ours` names its network namespace. */
export type Side = 'real' | 'ours';

/** What a report must say of one end. */
export interface End {
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: ClusterId;
  readonly identity: string;
}

function end(workload: string, serviceAccount: string, cluster: ClusterId): End {
  return { workload, namespace: 'demo', cluster, identity: `spiffe://${TRUST_DOMAIN}/ns/demo/sa/${serviceAccount}` };
}

export const ZT_APP = end('zt-app', 'zt', 'east');
export const TS_APP = end('ts-app', 'ts', 'east');
export const REMOTE_APP = end('remote-app', 'remote', 'west');
