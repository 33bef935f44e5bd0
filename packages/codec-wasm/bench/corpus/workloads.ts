/**
 * 512 workloads as an Istio mesh names them and the baggage header each sends: ztunnel's seven keys in ztunnel's order,
 * about 215 bytes, no two alike. Names, clusters and zones are made up; their lengths are what makes them realistic.
 */
import { pick, seeded } from './random.js';

/** ztunnel's keys; the codec under test registers them in this order. */
export const BAGGAGE_KEYS: readonly string[] = [
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.deployment.name',
  'service.name',
  'service.version',
  'cloud.region',
  'cloud.availability_zone',
];

export interface Workload {
  /** In the order of `BAGGAGE_KEYS`. */
  readonly values: readonly string[];
  /** The header as ztunnel writes it. */
  readonly baggage: string;
  /** `host:port`. */
  readonly authority: string;
  readonly forwarded: string;
  readonly traceparent: string;
}

export const WORKLOAD_COUNT = 512;

const CLUSTERS = ['prod-east-1', 'prod-west-2', 'staging-eu', 'edge-7'];
const NAMESPACES = ['checkout', 'storefront', 'payments', 'inventory-system', 'istio-system'];
const APPS = ['reviews', 'ratings', 'productpage', 'cart-backend', 'order-processor', 'auth-gateway', 'search'];
const REGIONS = ['us-east-1', 'us-west-2', 'europe-west4', 'ap-southeast-1'];

export function makeWorkloads(): readonly Workload[] {
  const random = seeded(0x15f0);
  const hex = (digits: number) => Array.from({ length: digits }, () => random(16).toString(16)).join('');
  return Array.from({ length: WORKLOAD_COUNT }, (_, index) => {
    const app = `${pick(random, APPS)}-${index}`;
    const region = pick(random, REGIONS);
    const values = [
      pick(random, CLUSTERS),
      pick(random, NAMESPACES),
      `${app}-deployment`,
      app,
      `v${1 + random(9)}.${random(20)}`,
      region,
      `${region}${pick(random, ['a', 'b', 'c'])}`,
    ];
    return {
      values,
      baggage: values.map((value, key) => `${BAGGAGE_KEYS[key]}=${value}`).join(','),
      authority: `10.${random(256)}.${random(256)}.${random(256)}:${8000 + random(1000)}`,
      forwarded: `for="10.${random(256)}.${random(256)}.${random(256)}:${32_768 + random(28_000)}"`,
      traceparent: `00-${hex(32)}-${hex(16)}-00`,
    };
  });
}
