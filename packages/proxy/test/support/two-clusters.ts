/**
 * Two clusters on two networks, on loopback: storefront and ratings in east, reviews and a gateway in west, at addresses that
 * nobody else has.
 */
import type { CertificateSource } from '@isthmus/sdk/identity';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { createTestAuthority, type TestAuthority } from '@isthmus/sdk/testing';
import { eastWestGateway } from '../../src/roles/east-west-gateway.js';
import { ztunnel } from '../../src/roles/ztunnel.js';
import { reserveBlock } from './loopback.js';
import { type MeshRecords, service, workload } from './model.js';
import { startProxy, type TestProxy } from './proxy.js';
import { serveEcho, type TestServer } from './tcp.js';

export const REVIEWS = 'reviews.shop.svc.cluster.local';
export const RATINGS = 'ratings.shop.svc.cluster.local';
export const identity = (account: string) => `spiffe://cluster.local/ns/shop/sa/${account}`;

export interface TwoClusters {
  readonly scope: Scope;
  readonly authority: TestAuthority;
  readonly east: TestProxy;
  readonly west: TestProxy;
  readonly gateway: TestProxy;
  readonly reviewsApp: TestServer;
  readonly ratingsApp: TestServer;
  /** Of storefront, in east. */
  readonly socks5: { readonly host: string; readonly port: number };
  /** Of storefront, to reviews. */
  readonly listener: { readonly host: string; readonly port: number };
  readonly addresses: ReturnType<typeof addressesOf>;
  startGateway(): Promise<TestProxy>;
  close(): Promise<void>;
}

export interface TwoClustersInit {
  /** On top of every proxy's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** In place of those of the test authority. */
  readonly certificates?: CertificateSource;
  /** The gateway's draws. */
  readonly gatewayRandom?: () => number;
}

/** @param block its first three numbers */
export function addressesOf(block: string) {
  const at = (last: number) => `${block}.${last}`;
  return {
    storefront: at(1),
    ratings: at(2),
    reviews: at(3),
    gateway: at(4),
    capture: at(8),
    controlPlane: at(9),
    further: at,
  };
}

export function eastRecords(addresses: ReturnType<typeof addressesOf>): Required<MeshRecords> {
  const ratings = service({ name: 'ratings', addresses: [{ network: 'network-1', ip: '240.0.0.1' }] });
  const reviews = service({
    name: 'reviews',
    addresses: [{ network: 'network-1', ip: '240.0.0.2' }],
    subjectAltNames: [identity('reviews')],
  });
  const ports = [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }] as const;
  return {
    services: [ratings, reviews],
    workloads: [
      workload({
        name: 'storefront',
        addresses: [addresses.storefront],
        locality: { region: 'eu', zone: 'eu-1', subzone: '' },
      }),
      workload({ name: 'ratings', addresses: [addresses.ratings], services: new Map([[ratings.key, ports]]) }),
      workload({
        name: 'gateway',
        uid: 'NetworkGateway/network-2',
        clusterId: 'west',
        network: 'network-2',
        addresses: [addresses.gateway],
        nativeTunnel: true,
      }),
      workload({
        name: 'reviews',
        uid: 'network-2/SplitHorizonWorkload/shop/gateway/reviews',
        clusterId: 'west',
        network: 'network-2',
        workloadName: '',
        canonicalName: '',
        canonicalRevision: '',
        serviceAccount: 'default',
        node: '',
        services: new Map([[reviews.key, ports]]),
        networkGateway: {
          destination: { kind: 'address', address: { network: 'network-2', ip: addresses.gateway } },
          hboneMtlsPort: 15008,
        },
      }),
    ],
    policies: [],
  };
}

export function westRecords(addresses: ReturnType<typeof addressesOf>): Required<MeshRecords> {
  const reviews = service({ name: 'reviews', addresses: [{ network: 'network-2', ip: '240.0.0.2' }] });
  const west = { clusterId: 'west', network: 'network-2', node: 'node-w' } as const;
  return {
    services: [reviews],
    workloads: [
      workload({
        ...west,
        name: 'reviews',
        addresses: [addresses.reviews],
        services: new Map([[reviews.key, [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }]]]),
      }),
      workload({ ...west, name: 'gateway', addresses: [addresses.gateway], nativeTunnel: true, node: 'node-g' }),
    ],
    policies: [],
  };
}

export async function startTwoClusters({
  env = {},
  certificates,
  gatewayRandom,
}: TwoClustersInit = {}): Promise<TwoClusters> {
  const scope = createScope();
  const addresses = addressesOf(await reserveBlock(scope));
  const authority = await createTestAuthority();
  const socks5 = { host: addresses.capture, port: 15080 };
  const listener = { host: addresses.capture, port: 9080 };
  const east = { CLUSTER_ID: 'east', NETWORK: 'network-1', ...env };
  const west = { CLUSTER_ID: 'west', NETWORK: 'network-2', ...env };
  const start = async (init: Omit<Parameters<typeof startProxy>[0], 'authority'>) => {
    const proxy = await startProxy({ ...init, authority, ...(certificates && { certificates }) });
    scope.own(() => proxy.scope.close());
    return proxy;
  };
  const startGateway = () =>
    start({
      role: eastWestGateway,
      env: { ...west, INSTANCE_IP: addresses.gateway, PROXY_WORKLOAD_INFO: 'shop/gateway/gateway' },
      records: westRecords(addresses),
      ...(gatewayRandom && { random: gatewayRandom }),
    });
  const [reviewsApp, ratingsApp, eastProxy, westProxy, gateway] = await Promise.all([
    serveEcho(scope, addresses.reviews, 8080),
    serveEcho(scope, addresses.ratings, 8080),
    start({
      role: ztunnel,
      env: {
        ...east,
        NODE_NAME: 'node-a',
        SOCKS5_LISTENERS: `shop/storefront@${socks5.host}:${socks5.port}`,
        OUTBOUND_LISTENERS: `shop/storefront@${listener.host}:${listener.port}=reviews:80`,
      },
      records: eastRecords(addresses),
    }),
    start({ role: ztunnel, env: { ...west, NODE_NAME: 'node-w' }, records: westRecords(addresses) }),
    startGateway(),
  ]);
  return {
    scope,
    authority,
    addresses,
    socks5,
    listener,
    east: eastProxy,
    west: westProxy,
    gateway,
    reviewsApp,
    ratingsApp,
    startGateway,
    close: () => scope.close(),
  };
}
