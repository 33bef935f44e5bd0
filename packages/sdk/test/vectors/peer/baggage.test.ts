/** What other implementations send and how we read it; and that what we send is what they read. */
import { describe, expect, it } from 'vitest';
import { decodePeerBaggage, encodePeerBaggage, type PeerMetadata } from '../../../src/peer/index.js';

interface Vector {
  readonly name: string;
  readonly lines: readonly string[];
  readonly read: PeerMetadata | undefined;
}

/** Envoy's decoder vectors (istio/proxy metadata object), with its fill-in of app and service. */
const ENVOY: readonly Vector[] = [
  {
    name: 'a deployment with app and service apart',
    lines: [
      'k8s.deployment.name=foo,k8s.cluster.name=my-cluster,k8s.namespace.name=default,service.name=foo-service,service.version=v1alpha3,app.name=foo-app,app.version=latest',
    ],
    read: {
      workload: 'foo',
      workloadType: 'deployment',
      cluster: 'my-cluster',
      namespace: 'default',
      canonicalName: 'foo-service',
      canonicalRevision: 'v1alpha3',
      app: 'foo-app',
      version: 'latest',
    },
  },
  ...(['pod', 'job'] as const).map((type) => ({
    name: `a ${type} with its instance`,
    lines: [
      `k8s.${type}.name=foo-${type}-435,k8s.cluster.name=my-cluster,k8s.namespace.name=test,k8s.instance.name=foo-instance-435,service.name=foo-service,service.version=v1beta2`,
    ],
    read: {
      workload: `foo-${type}-435`,
      workloadType: type,
      cluster: 'my-cluster',
      namespace: 'test',
      instance: 'foo-instance-435',
      canonicalName: 'foo-service',
      canonicalRevision: 'v1beta2',
      app: 'foo-service',
      version: 'v1beta2',
    },
  })),
  {
    name: 'a cron job',
    lines: [
      'k8s.cronjob.name=foo-cronjob,k8s.cluster.name=my-cluster,k8s.namespace.name=test,service.name=foo-service,service.version=v1beta4',
    ],
    read: {
      workload: 'foo-cronjob',
      workloadType: 'cronjob',
      cluster: 'my-cluster',
      namespace: 'test',
      canonicalName: 'foo-service',
      canonicalRevision: 'v1beta4',
      app: 'foo-service',
      version: 'v1beta4',
    },
  },
  {
    name: 'a deployment of an unnamed cluster',
    lines: ['k8s.deployment.name=foo,k8s.namespace.name=default,service.name=foo-service,service.version=v1alpha3'],
    read: {
      workload: 'foo',
      workloadType: 'deployment',
      namespace: 'default',
      canonicalName: 'foo-service',
      canonicalRevision: 'v1alpha3',
      app: 'foo-service',
      version: 'v1alpha3',
    },
  },
  {
    name: 'the service alone also names the app',
    lines: ['service.name=foo-service,service.version=v1alpha3'],
    read: { canonicalName: 'foo-service', canonicalRevision: 'v1alpha3', app: 'foo-service', version: 'v1alpha3' },
  },
  {
    name: 'the app alone also names the service',
    lines: ['app.name=foo-app,app.version=latest'],
    read: { canonicalName: 'foo-app', canonicalRevision: 'latest', app: 'foo-app', version: 'latest' },
  },
  {
    name: 'service and app apart, nothing else',
    lines: ['service.name=foo-service,service.version=v1alpha3,app.name=foo-app,app.version=latest'],
    read: { canonicalName: 'foo-service', canonicalRevision: 'v1alpha3', app: 'foo-app', version: 'latest' },
  },
  { name: 'the namespace alone', lines: ['k8s.namespace.name=default'], read: { namespace: 'default' } },
  {
    name: 'a whole Envoy header with instance and locality',
    lines: [
      'k8s.deployment.name=productpage-v1,service.name=productpage-v1,app.name=productpage,service.version=version-1,app.version=v1,k8s.namespace.name=default,k8s.cluster.name=client-cluster,k8s.instance.name=productpage-v1-84975bc778-pxz2w,cloud.region=eu,cloud.availability_zone=eu-a',
    ],
    read: {
      workload: 'productpage-v1',
      workloadType: 'deployment',
      canonicalName: 'productpage-v1',
      app: 'productpage',
      canonicalRevision: 'version-1',
      version: 'v1',
      namespace: 'default',
      cluster: 'client-cluster',
      instance: 'productpage-v1-84975bc778-pxz2w',
      region: 'eu',
      zone: 'eu-a',
    },
  },
];

const ztunnelRead: PeerMetadata = {
  cluster: 'K1',
  namespace: 'NS1',
  workload: 'N1',
  workloadType: 'deployment',
  canonicalName: 'N2',
  canonicalRevision: 'V1',
  app: 'N2',
  version: 'V1',
};

/** ztunnel's decoder vectors; an all-empty result is no peer here. */
const ZTUNNEL: readonly Vector[] = [
  {
    name: 'five keys in one line',
    lines: ['k8s.cluster.name=K1,k8s.namespace.name=NS1,k8s.deployment.name=N1,service.name=N2,service.version=V1'],
    read: ztunnelRead,
  },
  {
    name: 'the same in five lines',
    lines: [
      'k8s.cluster.name=K1',
      'k8s.namespace.name=NS1',
      'k8s.deployment.name=N1',
      'service.name=N2',
      'service.version=V1',
    ],
    read: ztunnelRead,
  },
  {
    name: 'all keys with empty values',
    lines: ['k8s.cluster.name=,k8s.namespace.name=,k8s.deployment.name=,service.name=,service.version='],
    read: undefined,
  },
  { name: 'no header', lines: [], read: undefined },
  {
    name: 'the key of a workload without type',
    lines: ['k8s.cluster.name=K1,k8s..name=N1'],
    read: { cluster: 'K1' },
  },
];

// hbone §10.server.7
/** agentgateway always writes its five keys, empty or not. */
const AGENTGATEWAY: readonly Vector[] = [
  {
    name: 'values for some of its keys',
    lines: ['k8s.cluster.name=,k8s.namespace.name=ns,k8s.deployment.name=gw,service.name=gw,service.version='],
    read: { namespace: 'ns', workload: 'gw', workloadType: 'deployment', canonicalName: 'gw', app: 'gw' },
  },
];

/** Shapes of single members. Where the readers above differ, ours takes what the sender most likely meant. */
const SHAPES: readonly Vector[] = [
  { name: 'k=v', lines: ['k8s.cluster.name=a'], read: { cluster: 'a' } },
  { name: 'a value with "=" is kept whole', lines: ['k8s.cluster.name=a=b'], read: { cluster: 'a=b' } },
  {
    name: 'a member without "=" is skipped',
    lines: ['k8s.cluster.name,k8s.namespace.name=n'],
    read: { namespace: 'n' },
  },
  // hbone §10.fact.5
  { name: 'an empty value clears an earlier one', lines: ['k8s.cluster.name=a,k8s.cluster.name='], read: undefined },
  {
    name: 'spaces around members are dropped',
    lines: ['k8s.cluster.name=a , k8s.namespace.name = n'],
    read: { cluster: 'a', namespace: 'n' },
  },
  { name: 'properties are dropped', lines: ['k8s.cluster.name=a;ttl=1'], read: { cluster: 'a' } },
  { name: 'percent escapes are decoded', lines: ['k8s.cluster.name=a%20b'], read: { cluster: 'a b' } },
  { name: 'a broken escape stays', lines: ['k8s.cluster.name=a%2'], read: { cluster: 'a%2' } },
  { name: 'the last duplicate wins', lines: ['k8s.cluster.name=a', 'k8s.cluster.name=b'], read: { cluster: 'b' } },
  { name: 'keys are case-sensitive', lines: ['K8s.Cluster.Name=a'], read: undefined },
  {
    name: 'unknown keys are skipped, an identity among them',
    lines: ['k8s.statefulset.name=a,identity=spiffe://x,principal=spiffe://x,k8s.namespace.name=n'],
    read: { namespace: 'n' },
  },
  { name: 'an empty header is no peer', lines: [''], read: undefined },
  { name: 'commas alone are no peer', lines: [',,,'], read: undefined },
  { name: 'garbage is no peer', lines: ['\u0000\u0001=\u0002'], read: undefined },
  {
    name: 'a byte outside ASCII spoils the header',
    lines: ['k8s.cluster.name=a,k8s.namespace.name=\u00e9'],
    read: undefined,
  },
  {
    name: 'a line break hidden in an escape is not believed',
    lines: ['k8s.cluster.name=a%0Ab,k8s.namespace.name=n'],
    read: { namespace: 'n' },
  },
  {
    name: 'a value of 254 is not believed',
    lines: [`k8s.cluster.name=${'a'.repeat(254)},k8s.namespace.name=n`],
    read: { namespace: 'n' },
  },
  { name: 'a megabyte is no peer', lines: [`k8s.cluster.name=${'a'.repeat(1 << 20)}`], read: undefined },
];

describe.each([
  ['Envoy', ENVOY],
  ['ztunnel', ZTUNNEL],
  ['agentgateway', AGENTGATEWAY],
  ['any sender', SHAPES],
])('baggage from %s', (_, vectors) => {
  it.each(vectors)('$name', ({ lines, read }) => {
    expect(decodePeerBaggage(lines)).toEqual(read);
  });
});

describe('baggage as we send it', () => {
  const full: PeerMetadata = {
    cluster: 'east',
    namespace: 'shop',
    workload: 'reviews-v1',
    workloadType: 'deployment',
    canonicalName: 'reviews',
    canonicalRevision: 'v1',
    region: 'eu',
    zone: 'eu-a',
  };
  const ZTUNNELS =
    'k8s.cluster.name=east,k8s.namespace.name=shop,k8s.deployment.name=reviews-v1,service.name=reviews,service.version=v1,cloud.region=eu,cloud.availability_zone=eu-a';

  it.each<[string, PeerMetadata, string]>([
    ["has ztunnel's keys in ztunnel's order", full, ZTUNNELS],
    [
      'leaves out app and version that equal service and revision',
      { ...full, app: 'reviews', version: 'v1' },
      ZTUNNELS,
    ],
    [
      'adds what only Envoy reads behind it',
      { ...full, app: 'books', version: '1', instance: 'reviews-v1-abc' },
      `${ZTUNNELS},app.name=books,app.version=1,k8s.instance.name=reviews-v1-abc`,
    ],
    ['names the type in the key', { workload: 'nightly', workloadType: 'cronjob' }, 'k8s.cronjob.name=nightly'],
    ['calls a workload of no known type a pod, as Envoy does', { workload: 'db' }, 'k8s.pod.name=db'],
    [
      'escapes only what breaks splitting',
      { cluster: 'a,b=c;d%e f/g:h' },
      'k8s.cluster.name=a%2Cb%3Dc%3Bd%25e%20f/g:h',
    ],
    ['is empty when nothing is known', {}, ''],
  ])('%s', (_, metadata, header) => {
    expect(encodePeerBaggage(metadata)).toBe(header);
  });
});
