/** What the lab says at the end: as JSON, as sentences about what is not well, and as addresses to try. Pure text. */
import { adminHost } from './process-specs.js';
import { commandOf } from './processes.js';
import type { RunResult } from './run.js';
import { END_LABELS, ENDS } from './series.js';
import type { Lab } from './start.js';
import { type Cluster, clustersOf } from './topology.js';
import { serviceAddress, socks5Entry } from './traffic.js';
import type { UnknownLabel } from './verdict.js';

/** The JSON has all. */
const SHOWN_FAILURES = 20;

export function jsonReport({ ok, series, unknown, missing, wrong, failures }: RunResult, seconds: number): object {
  return { ok, series, unknown, missing, wrong, failures, seconds };
}

export function complaints({ ok, series, unknown, missing, wrong, failures }: RunResult): string {
  if (ok) return `ok: all ${series.length} series name both ends (${ENDS.join(' and ')}: ${END_LABELS.join(', ')})\n`;
  const missingLines = missing.map(
    ({ path, proxy, labels }) =>
      `${path}: ${proxy} did not report ${labels.source_workload} (${labels.source_cluster}) -> ${labels.destination_workload} (${labels.destination_cluster})`,
  );
  return [
    section('calls failed', firstOf(failures), failures.length),
    section('expected series were not seen', missingLines),
    section('series name a wrong end', wrong),
    section('labels are unknown', unknownLines(unknown), unknown.length),
  ].join('');
}

/** When one thing is broken, all calls fail alike. */
function firstOf(failures: readonly string[]): readonly string[] {
  const more = failures.length - SHOWN_FAILURES;
  return more > 0 ? [...failures.slice(0, SHOWN_FAILURES), `... and ${more} more`] : failures;
}

/** A line per series with all its unknown labels; series that differ elsewhere share a line. */
function unknownLines(unknown: readonly UnknownLabel[]): readonly string[] {
  const bySeries = new Map<UnknownLabel['labels'], { readonly title: string; readonly names: string[] }>();
  for (const { proxy, metric, label, labels } of unknown) {
    const { reporter, destination_service_name: service } = labels;
    const title = `${proxy}  ${metric}{reporter="${reporter}",destination_service_name="${service}"}`;
    const entry = bySeries.get(labels) ?? { title, names: [] };
    entry.names.push(label);
    bySeries.set(labels, entry);
  }
  return [...new Set([...bySeries.values()].map(({ title, names }) => `${title}  ${names.join(', ')}`))];
}

function section(title: string, lines: readonly string[], count = lines.length): string {
  if (count === 0) return '';
  return `not ok: ${count} ${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

export function addresses(lab: Lab): string {
  const { world, files, processes } = lab;
  const inNamespaces = lab.namespaceOf(world.clusters.east) !== undefined;
  return [
    "As east's storefront:",
    ...(inNamespaces ? callsInNamespace(lab) : callsBySocks5(lab)),
    '',
    ...clustersOf(world).flatMap((cluster) => clusterLines(lab, cluster)),
    'processes (end one and see what happens)',
    ...processes.list().map(({ spec, pid }) => `  ${spec.name.padEnd(28)} pid ${pid}`),
    `logs: ${files.logs}`,
    '',
    'Ctrl-C stops everything and leaves nothing behind.',
    '',
  ].join('\n');
}

function callsBySocks5(lab: Lab): readonly string[] {
  const { world } = lab;
  const { host, port } = socks5Entry(world, 'east');
  return [
    ...EXAMPLES.map(([service, path]) => `  curl --socks5-hostname ${host}:${port} ${urlOf(service, path)}`),
    ...explainCommand(lab, 'ledger'),
  ];
}

/** Where a connection of the storefront to that service would go, and why. Nothing while the ztunnel to ask is gone. */
function explainCommand({ world, processes }: Lab, service: string): readonly string[] {
  const cluster = world.clusters.east;
  const ztunnel = processes.list().find(({ spec }) => spec.name === 'east/ztunnel');
  const caller = cluster.apps.find(({ app }) => app === 'storefront');
  if (!ztunnel || !caller) return [];
  const { host, port } = serviceAddress(service);
  const admin = `${adminHost(cluster, cluster.ztunnel)}:15000`;
  const from = `${caller.namespace}/${caller.name}`;
  const args = ['explain', '--admin', admin, '--from', from, '--to', `${host}:${port}`];
  return [`  ${commandOf({ program: ztunnel.spec.program, args }).join(' ')}`];
}

function callsInNamespace({ world, namespaceOf }: Lab): readonly string[] {
  const namespace = namespaceOf(world.clusters.east, { app: 'storefront' });
  return EXAMPLES.map(([service, path]) => `  ip netns exec ${namespace} curl ${urlOf(service, path)}`);
}

const EXAMPLES = [
  ['reviews', '/reviews/42'],
  ['ratings', '/ratings/42'],
] as const;

function urlOf(service: string, path: string): string {
  const { host, port } = serviceAddress(service);
  return `http://${host}:${port}${path}`;
}

function clusterLines({ files, namespaceOf }: Lab, cluster: Cluster): readonly string[] {
  const network = namespaceOf(cluster);
  const proxies = [
    ...cluster.ztunnels.map(({ name, pod }) => ({ name, pod })),
    ...cluster.gateways.map((pod) => ({ name: pod.app, pod })),
  ];
  return [
    `${cluster.id} on ${cluster.network}${network === undefined ? '' : `, in the namespace ${network}`}`,
    `  ${'storefront'.padEnd(22)} http://${cluster.apps[0]?.ip}:${cluster.apps[0]?.listenPort}/product/42`,
    ...proxies.map(
      ({ name, pod }) =>
        `  ${name.padEnd(22)} http://${pod.ip}:15020/metrics   http://${adminHost(cluster, pod)}:15000/config_dump`,
    ),
    `  ${'manifests'.padEnd(22)} ${files.manifests(cluster)} (edit them, the mesh follows)`,
  ];
}
