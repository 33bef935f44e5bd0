/**
 * What a ztunnel's environment holds besides single settings: families of variables that share a prefix, and variables
 * that mean nothing here. The environment of a ztunnel's DaemonSet starts this proxy; whatever of it has no effect is
 * named with its reason, so that nobody believes otherwise.
 */
import type { Environment } from './table.js';

/** Header names in lower case. */
export type ServiceHeaders = Readonly<Record<string, string>>;
/** Values are text, or anything JSON can say. */
export type NodeMetadata = Readonly<Record<string, unknown>>;

export interface EnvironmentReading<T> {
  readonly value: T;
  readonly problems: readonly string[];
}

/** `XDS_HEADER_X=y` becomes the gRPC header `x: y`. Values may be secret, so problems do not show them. */
export function headersOf(env: Environment, prefix: 'XDS_HEADER_' | 'CA_HEADER_'): EnvironmentReading<ServiceHeaders> {
  const given = familyOf(env, prefix);
  // Characters of gRPC metadata keys and values (gRPC over HTTP/2, "Custom-Metadata"); binary headers are not text.
  const bad = given.filter(([name, value]) => !/^[0-9a-z_.-]+$/i.test(name) || !/^[\x20-\x7e]*$/.test(value));
  return {
    value: Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value])),
    problems: bad.map(([name]) => `${prefix}${name} is no header that gRPC can carry; expected visible ASCII`),
  };
}

/**
 * `ISTIO_META_X=y` becomes the text `X` of the xDS node's metadata, `ISTIO_METAJSON_X` whatever the JSON says. ztunnel
 * goes on without JSON it cannot parse; here it is a problem, because the control plane would see another node.
 */
export function nodeMetadataOf(env: Environment): EnvironmentReading<NodeMetadata> {
  const problems: string[] = [];
  const parsed = familyOf(env, 'ISTIO_METAJSON_').flatMap(([name, text]) => {
    try {
      return [[name, JSON.parse(text) as unknown]];
    } catch (error) {
      problems.push(`ISTIO_METAJSON_${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  });
  return { value: Object.fromEntries([...familyOf(env, 'ISTIO_META_'), ...parsed]), problems };
}

function familyOf(env: Environment, prefix: string): readonly (readonly [string, string])[] {
  return Object.entries(env).flatMap(([name, value]) =>
    name.startsWith(prefix) && name.length > prefix.length && value ? [[name.slice(prefix.length), value]] : [],
  );
}

const IN_POD =
  'this proxy opens its listeners by itself, it enters no pod of a node and has no agent to ask; see docs/proxy.md';
const DNS = 'there is no DNS proxy here; SOCKS5 and static listeners take names';
const PROBES = 'after KEEPALIVE_TIME Node probes once a second, ten times, and offers nothing else';
const THREADS = 'ZTUNNEL_WORKER_THREADS says how many processes carry traffic';

/** Variables of ztunnel and of its chart that have no effect here, each with the reason. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  ENABLE_PROXY: 'the listeners are all this program is for',
  CLUSTER_DOMAIN: 'short names are completed with cluster.local; full names of any domain work',
  FAKE_CA: 'certificates come from CA_ADDRESS; npm run mesh starts a control plane with a CA',
  PREFERED_SERVICE_NAMESPACE: DNS,
  ISTIO_META_DNS_CAPTURE: DNS,
  ISTIO_META_DNS_PROXY_ADDR: DNS,
  ENABLE_ORIG_SRC: 'applications see the address of the proxy; PROXY protocol tells them the caller',
  PACKET_MARK: 'isthmus-proxy rules excludes the proxy by its user',
  INPOD_ENABLED: IN_POD,
  INPOD_UDS: IN_POD,
  INPOD_PORT_REUSE: IN_POD,
  IPV6_ENABLED: 'addresses to listen on are given one by one, of either family',
  KEEPALIVE_INTERVAL: PROBES,
  KEEPALIVE_RETRIES: PROBES,
  USER_TIMEOUT_ENABLED: 'HTTP/2 PING finds dead peers within 20 s',
  ZTUNNEL_CPU_LIMIT: THREADS,
  ZTUNNEL_RESOURCE_CPU_LIMIT: THREADS,
  ZTUNNEL_RESOURCE_CPU_REQUEST: THREADS,
  RUST_BACKTRACE: 'this program is not written in Rust',
};

/** Fields of PROXY_CONFIG that ztunnel reads and that have no effect here. */
export const FIELDS_WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  concurrency: THREADS,
  proxyAdminPort: 'ADMIN_ADDRESS says where the admin pages are',
  statsPort: 'METRICS_ADDRESS says where metrics are',
};

export function noticesOfFields(given: readonly string[]): readonly string[] {
  return given.flatMap((name) => {
    const reason = FIELDS_WITHOUT_EFFECT[name];
    return reason === undefined ? [] : [`${name} of PROXY_CONFIG has no effect: ${reason}`];
  });
}

/** A sentence for each variable that is set and has no effect. Those in `known` have one. */
export function noticesOf(env: Environment, known: ReadonlySet<string>): readonly string[] {
  return Object.entries(WITHOUT_EFFECT)
    .filter(([name]) => env[name] !== undefined && env[name] !== '' && !known.has(name))
    .map(([name, reason]) => `${name} has no effect: ${reason}`);
}
