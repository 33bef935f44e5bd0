/** What the lab says at the end: as JSON, as sentences about what is not well, and as addresses to try. Pure text. */
import type { RunResult } from './run.js';
import { END_LABELS, ENDS } from './series.js';
import type { Lab } from './start.js';
import { clustersOf } from './topology.js';
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

export function addresses({ world, files, processes }: Lab): string {
  const { host, port } = socks5Entry(world, 'east');
  const curl = (service: string, path: string) => {
    const address = serviceAddress(service);
    return `  curl --socks5-hostname ${host}:${port} http://${address.host}:${address.port}${path}`;
  };
  const rows = clustersOf(world).flatMap((cluster) => [
    `${cluster.id} on ${cluster.network}`,
    `  ${'storefront'.padEnd(22)} http://${cluster.apps[0]?.ip}:${cluster.apps[0]?.listenPort}/product/42`,
    ...[cluster.ztunnel, ...cluster.gateways].map(
      (pod) => `  ${pod.app.padEnd(22)} http://${pod.ip}:15020/metrics   http://${pod.ip}:15000/config_dump`,
    ),
    `  ${'manifests'.padEnd(22)} ${files.manifests(cluster)} (edit them, the mesh follows)`,
  ]);
  return [
    "As east's storefront:",
    curl('reviews', '/reviews/42'),
    curl('ratings', '/ratings/42'),
    '',
    ...rows,
    'processes (end one and see what happens)',
    ...processes.list().map(({ spec, pid }) => `  ${spec.name.padEnd(28)} pid ${pid}`),
    `logs: ${files.logs}`,
    '',
    'Ctrl-C stops everything and leaves nothing behind.',
    '',
  ].join('\n');
}
