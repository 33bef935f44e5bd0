/** What the processes tell about themselves: logs, metrics, status pages, in the shapes the test compares. */
import { parsePrometheusText, type Sample } from '@isthmus/tools/lab';
import { accessLog, type LogLine } from '../../support/access-log.js';
import type { Stage } from './stage.js';
import { type End, loopbackOf, OURS, REAL_IP, type Side } from './world.js';

type Place = readonly [side: Side, ip: string];

const METRICS: Readonly<Record<string, Place>> = {
  'real/ztunnel': ['real', REAL_IP],
  'east/ztunnel': ['ours', OURS.eastZtunnel],
  'west/ztunnel': ['ours', OURS.westZtunnel],
  'east/gateway': ['ours', OURS.eastGateway],
  'west/gateway': ['ours', OURS.westGateway],
  'east/waypoint': ['ours', OURS.waypoint],
};

export async function metricsOf(stage: Stage, name: string): Promise<readonly Sample[]> {
  const [side, ip] = METRICS[name]!;
  return parsePrometheusText(await stage.page(side, ip, 15020, '/metrics'));
}

export async function controlPlaneMetrics(stage: Stage): Promise<readonly Sample[]> {
  return parsePrometheusText(await stage.page('ours', OURS.eastControlPlane, 15014, '/metrics'));
}

/** Lines of finished connections that name both ends so. */
export function linesBetween(stage: Stage, name: string, source: End, destination: End): readonly LogLine[] {
  const wanted = { ...endIn('src', source), ...endIn('dst', destination) };
  return accessLog(stage, name).filter(
    (line) =>
      line.message === 'connection complete' &&
      Object.entries(wanted).every(([field, allowed]) => allowed.includes(String(line[field]))),
  );
}

function endIn(prefix: 'src' | 'dst', { workload, namespace, cluster, identity }: End) {
  return {
    // Where only baggage tells of a peer, ztunnel writes its canonical service.
    [`${prefix}.workload`]: [workload, workload.replace(/-app$/, '')],
    [`${prefix}.namespace`]: [namespace],
    [`${prefix}.cluster`]: [cluster],
    [`${prefix}.identity`]: [identity],
  };
}

export function labelsOf(source: End, destination: End): Readonly<Record<string, string>> {
  const of = (prefix: string, { workload, namespace, cluster, identity }: End) => ({
    [`${prefix}_workload`]: workload,
    [`${prefix}_workload_namespace`]: namespace,
    [`${prefix}_cluster`]: cluster,
    [`${prefix}_principal`]: identity,
  });
  return { ...of('source', source), ...of('destination', destination) };
}

export function matching(samples: readonly Sample[], metric: string, labels: Readonly<Record<string, string>>) {
  return samples.filter(
    (sample) =>
      sample.metric === metric && Object.entries(labels).every(([name, value]) => sample.labels[name] === value),
  );
}

export function sumOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0);
}

export interface ProxyStatus {
  readonly identity: string;
  readonly connectedAt: number;
  readonly types: readonly {
    readonly typeUrl: string;
    readonly mode: string;
    readonly state: string;
    readonly lastRejection?: object;
  }[];
}

/** Proxies connected to the control plane of east. */
export async function proxiesAtControlPlane(stage: Stage): Promise<readonly ProxyStatus[]> {
  const text = await stage.page('ours', OURS.eastControlPlane, 15014, '/debug/status');
  return (JSON.parse(text) as { readonly proxies: readonly ProxyStatus[] }).proxies;
}

/** What both ztunnels show under the same names. */
export interface ConfigDump {
  readonly workloads: readonly {
    readonly name: string;
    readonly status?: string;
    readonly applicationTunnel?: { readonly port: number };
    /** Of a record that stands for another network. */
    readonly networkGateway?: object;
  }[];
  readonly services: readonly {
    readonly hostname: string;
    /** `network/address`. */
    readonly vips: readonly string[];
  }[];
  readonly policies: readonly { readonly name: string }[];
  readonly certificates: readonly {
    readonly identity: string;
    readonly certChain?: readonly { readonly serialNumber: string }[];
  }[];
}

/**
 * Resources of a dump in the form in which dumps of both are compared: what is empty or has its default is written by one of
 * them only, and a workload's services are written with their ports by ours.
 */
export function comparable(resources: readonly object[]): readonly object[] {
  return resources.map(normalized).sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

function normalized(resource: object): object {
  const kept = withoutEmpty(resource) as Record<string, unknown>;
  const { services, endpoints } = kept;
  return {
    ...kept,
    ...(services !== undefined && {
      services: (Array.isArray(services) ? [...services] : Object.keys(services as object)).sort(),
    }),
    // A ztunnel has those only that it may choose; ours shows the others too, with their status.
    ...(endpoints !== undefined && {
      endpoints: healthyOnly(endpoints as Record<string, { readonly status: string }>),
    }),
  };
}

function healthyOnly(endpoints: Readonly<Record<string, { readonly status: string }>>): object {
  return Object.fromEntries(Object.entries(endpoints).filter(([, { status }]) => status === 'Healthy'));
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([name, each]) => [name, withoutEmpty(each)] as const)
    .filter(([, each]) => !isEmpty(each));
  return Object.fromEntries(kept);
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === false || value === null || value === 'automatic';
}

function nameOf(resource: object): string {
  const { uid, namespace, hostname, name } = resource as Readonly<Record<string, string>>;
  return uid ?? `${namespace}/${hostname ?? name}`;
}

export async function realConfigDump(stage: Stage): Promise<ConfigDump> {
  return JSON.parse(await stage.page('real', '127.0.0.1', 15000, '/config_dump')) as ConfigDump;
}

export async function ourConfigDump(stage: Stage): Promise<ConfigDump> {
  return JSON.parse(await stage.page('ours', loopbackOf(OURS.eastZtunnel), 15000, '/config_dump')) as ConfigDump;
}

/** Of the leaf of each identity; empty before the first certificate. */
export function certificateSerials({ certificates }: ConfigDump): string {
  return certificates.map(({ certChain = [] }) => certChain[0]?.serialNumber ?? '').join();
}
