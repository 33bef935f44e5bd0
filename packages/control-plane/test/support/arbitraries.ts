/** Meshes of two clusters out of few names, so that they meet often. */
import fc from 'fast-check';
import type { ClusterSketch } from './derive.js';
import {
  AMBIENT,
  authorizationPolicy,
  eastWestGateway,
  GLOBAL,
  ingressGateway,
  type Manifest,
  namespace,
  peerAuthentication,
  pod,
  service,
  serviceEntry,
  statefulPod,
  waypoint,
  waypointPod,
} from './objects.js';

export const APPS = ['a', 'b'] as const;
/** Few, so that clusters give one to different services. */
export const VIPS = ['10.0.0.1', '10.0.0.2'] as const;

const AT_WAYPOINT = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'waypoint' };

const maybe = (objects: readonly Manifest[]) => fc.boolean().map((isThere) => (isThere ? objects : []));

const aService = (name: string) =>
  fc
    .record({ isThere: fc.boolean(), isGlobal: fc.boolean(), isBound: fc.boolean(), ip: fc.constantFrom(...VIPS) })
    .map(({ isThere, isGlobal, isBound, ip }) => {
      const labels = { ...(isGlobal ? GLOBAL : {}), ...(isBound ? { 'istio.io/use-waypoint': 'waypoint' } : {}) };
      return isThere ? [service(name, { labels, spec: { clusterIP: ip } })] : [];
    });

const aPod = (app: string, index: number, octet: number) =>
  fc
    .record({ isThere: fc.boolean(), ready: fc.boolean(), isCaptured: fc.boolean(), zone: fc.constantFrom('z1', 'z2') })
    .map(({ isThere, ready, isCaptured, zone }) => {
      const place = { 'topology.kubernetes.io/zone': zone };
      const labels = isCaptured ? place : { ...place, 'istio.io/dataplane-mode': 'none' };
      return isThere ? [pod(`${app}-${index}`, { ip: `10.${octet}.${index}.1`, ready, labels, account: app })] : [];
    });

/** A headless Service whose pods have names, of which clusters may have the same. */
const aStatefulSet = (octet: number) =>
  fc
    .record({ isThere: fc.boolean(), isGlobal: fc.boolean(), pods: fc.array(fc.boolean(), { maxLength: 2 }) })
    .map(({ isThere, isGlobal, pods }) => [
      ...(isThere ? [service('d', { labels: isGlobal ? GLOBAL : {}, spec: { clusterIP: 'None' } })] : []),
      ...pods.map((ready, index) => statefulPod('d', index, { ip: `10.${octet}.7.${index + 1}`, ready, account: 'd' })),
    ]);

/** A host without an address. */
const anEntry = fc
  .record({ isThere: fc.boolean(), isGlobal: fc.boolean(), address: fc.constantFrom([], ['240.240.0.3']) })
  .map(({ isThere, isGlobal, address: addresses }) => {
    const spec = { hosts: ['api.example.com'], addresses, resolution: 'DNS', ports: [{ number: 443, name: 'tls' }] };
    return isThere ? [serviceEntry('api', spec, { labels: isGlobal ? GLOBAL : {} })] : [];
  });

function objectsOf(network: string, octet: number): fc.Arbitrary<readonly Manifest[]> {
  const parts = [
    fc.constant([namespace('shop', AMBIENT), namespace('istio-system', { 'topology.istio.io/network': network })]),
    ...APPS.map(aService),
    ...APPS.flatMap((app) => [1, 2, 3].map((index) => aPod(app, index, octet))),
    aStatefulSet(octet),
    anEntry,
    maybe([...waypoint(), waypointPod('waypoint', { ip: `10.${octet}.9.1` })]),
    maybe([eastWestGateway(network, `192.0.2.${octet}`)]),
    maybe([eastWestGateway(network, `192.0.3.${octet}`, 'second')]),
    maybe(ingressGateway(`10.${octet}.9.2`)),
    maybe([authorizationPolicy('i', { selector: { matchLabels: { app: 'ingress' } } })]),
    maybe([authorizationPolicy('m', { rules: [{}] }, { namespace: 'istio-system' })]),
    maybe([authorizationPolicy('p', { selector: { matchLabels: { app: 'a' } } })]),
    maybe([authorizationPolicy('r', { action: 'DENY', targetRefs: [AT_WAYPOINT], rules: [{}] })]),
    maybe([peerAuthentication('q', { mtls: { mode: 'STRICT' } })]),
  ];
  return fc.tuple(...parts).map((lists) => lists.flat());
}

export interface Mesh {
  readonly east: ClusterSketch;
  readonly west: ClusterSketch;
}

const clusterOn = (id: string, network: string, octet: number): fc.Arbitrary<ClusterSketch> =>
  objectsOf(network, octet).map((objects) => ({ id, network, objects }));

export const meshes: fc.Arbitrary<Mesh> = fc.record({
  east: clusterOn('east', 'network-1', 1),
  west: clusterOn('west', 'network-2', 2),
});

/** A third cluster, on the network of east. */
export const souths = clusterOn('south', 'network-1', 3);

/** Fixed, so that a failure is the same for everybody. */
export const RUNS = { seed: 20_260_101, numRuns: 100 } as const;
