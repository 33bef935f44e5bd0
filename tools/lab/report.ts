/** What the lab says at the end: as JSON, as sentences about what is not well, and as addresses to try. Pure text. */
import type { RunResult } from './run.js';
import { END_LABELS, ENDS } from './series.js';
import type { Lab } from './start.js';
import { clustersOf } from './topology.js';
import { serviceAddress, socks5Entry } from './traffic.js';

/** Sentences shown of each kind; the JSON has all. */
const SHOWN = 40;

export function jsonReport({ ok, series, unknown, missing, wrong, failures }: RunResult, seconds: number): object {
  return { ok, series, unknown, missing, wrong, failures, seconds };
}

export function complaints({ ok, series, unknown, missing, wrong, failures }: RunResult): string {
  if (ok) return `ok: all ${series.length} series name both ends (${ENDS.join(' and ')}: ${END_LABELS.join(', ')})\n`;
  const unknownLines = new Map<string, number>();
  for (const { proxy, metric, label, labels } of unknown) {
    const line = `${proxy}  ${metric}{reporter="${labels.reporter}", destination_service_name="${labels.destination_service_name}"}  ${label}`;
    unknownLines.set(line, (unknownLines.get(line) ?? 0) + 1);
  }
  const missingLines = missing.map(
    ({ path, proxy, labels }) =>
      `${path}: ${proxy} did not report ${labels.source_workload} (${labels.source_cluster}) -> ${labels.destination_workload} (${labels.destination_cluster})`,
  );
  return [
    section('calls failed', failures),
    section('expected series were not seen', missingLines),
    section('series name a wrong end', wrong),
    section(
      'labels are unknown',
      [...unknownLines].map(([line, count]) => (count > 1 ? `${line}  (${count} series)` : line)),
      unknown.length,
    ),
  ].join('');
}

function section(title: string, lines: readonly string[], count = lines.length): string {
  if (count === 0) return '';
  const rest = lines.length > SHOWN ? [`... and ${lines.length - SHOWN} more`] : [];
  return `not ok: ${count} ${title}\n${[...lines.slice(0, SHOWN), ...rest].map((line) => `  ${line}\n`).join('')}`;
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
