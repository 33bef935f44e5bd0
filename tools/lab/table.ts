/** The table a user reads: one row per reporter and pair of ends, with counts summed; pure text, no colours. */
import { FAILED, isUnknown, OPENED, REQUESTS, type Series } from './series.js';
import { NETWORKS } from './topology.js';

/** The metric that counts what a row is about. Bytes and durations would repeat the rows without telling more. */
const COUNTING: Readonly<Record<string, string>> = {
  [REQUESTS]: 'requests',
  [OPENED]: 'connections',
  [FAILED]: 'failed',
};

const REPORTER_ORDER = ['source', 'waypoint', 'destination'];

const COLUMNS = ['reporter', 'proxy', 'from', 'to', 'service', 'protocol', 'code', 'flags', 'count', ''] as const;
type Row = readonly [...string[]];

export function renderTable(series: readonly Series[]): string {
  const counts = new Map<string, { readonly cells: readonly string[]; count: number; unit: string }>();
  for (const { metric, labels, proxy, value } of series) {
    const unit = COUNTING[metric];
    if (unit === undefined || !(value > 0)) continue;
    const cells = [
      labels.reporter ?? '',
      proxy,
      endOf(labels, 'source'),
      endOf(labels, 'destination'),
      labels.destination_service_name ?? 'unknown',
      labels.request_protocol ?? '',
      labels.response_code ?? '',
      labels.response_flags ?? '',
    ];
    const key = [...cells, unit].join('\n');
    const row = counts.get(key) ?? { cells, count: 0, unit };
    row.count += value;
    counts.set(key, row);
  }
  const rows = [...counts.values()]
    .map(({ cells, count, unit }): Row => [...cells, String(count), unit])
    .sort((a, b) => rank(a) - rank(b) || a.join('\n').localeCompare(b.join('\n')));
  return layOut([COLUMNS.map((name) => name.toUpperCase()), ...rows]);
}

function rank([reporter = '']: Row): number {
  return REPORTER_ORDER.indexOf(reporter);
}

/** `storefront-v1.shop (east, network-1)` */
function endOf(labels: Readonly<Record<string, string>>, end: 'source' | 'destination'): string {
  const name = (label: string) => {
    const value = labels[`${end}_${label}`];
    return value === undefined || isUnknown(value) ? 'unknown' : value;
  };
  const cluster = name('cluster');
  const network = cluster === 'east' || cluster === 'west' ? NETWORKS[cluster] : 'unknown';
  return `${name('workload')}.${name('workload_namespace')} (${cluster}, ${network})`;
}

/** Columns as wide as their widest cell, two spaces between; numbers to the right. */
export function layOut(rows: readonly Row[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: Row) =>
    row
      .map((cell, column) =>
        /^\d+$/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
