/** Results of the tunnel benchmark as text. Pure. */
import { figure, layOut, type Markers } from '../report.js';
import type { Result } from '../statistics.js';
import { SCENARIOS } from './cases.js';
import type { Figures, TunnelResult } from './race.js';

export function renderTunnelTable(results: readonly TunnelResult[]): string {
  const rows = results.map((result) => [
    result.id,
    figure(result.ratio),
    `${figure(result.min)} - ${figure(result.max)}`,
    promiseOf(result.id),
    figureOf(result, result.figures.subject),
    figureOf(result, result.figures.peer),
    result.peer,
  ]);
  return layOut([['ID', 'RATIO', 'MIN - MAX', 'FLOOR, GOAL', 'SUBJECT', 'PEER', ''], ...rows]);
}

export const TUNNEL_MARKERS: Markers = { begin: '<!-- tunnel:begin -->', end: '<!-- tunnel:end -->' };

export function isTunnelResult(result: Result): result is TunnelResult {
  return 'metric' in result;
}

export function renderTunnelMarkdown(results: readonly TunnelResult[]): string {
  const rows = results.map((result) => {
    const { id, peer, ratio, min, max, figures } = result;
    const cells = [`\`${id}\``, peer, figure(ratio), `${figure(min)} - ${figure(max)}`, promiseOf(id)];
    return `| ${[...cells, figureOf(result, figures.subject), figureOf(result, figures.peer)].join(' | ')} |`;
  });
  return [
    '| id | peer | ratio | min - max | floor, goal | subject | peer |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function promiseOf(id: string): string {
  const row = SCENARIOS.flatMap(({ rows }) => rows).find((candidate) => candidate.id === id);
  return row?.floor === undefined ? '-' : `${row.floor}, ${row.goal}`;
}

/** The figure that the ratio is made of. */
function figureOf({ metric }: TunnelResult, figures: Figures): string {
  const { megabytesPerSecond, operationsPerSecond, cpuSecondsPerGigabyte, cpuMicrosecondsPerOperation } = figures;
  switch (metric) {
    case 'rate':
      return megabytesPerSecond === undefined
        ? `${number(operationsPerSecond)} /s`
        : `${number(megabytesPerSecond)} MB/s`;
    case 'cpu':
      return cpuSecondsPerGigabyte === undefined
        ? `${number(cpuMicrosecondsPerOperation)} us CPU`
        : `${number(cpuSecondsPerGigabyte)} CPU s/GB`;
    case 'p99':
      return `${number(figures.p99Microseconds)} us`;
    case 'rss':
      return `${number(figures.rssBytesPerTunnel)} bytes`;
  }
}

function number(value: number | undefined): string {
  return value === undefined ? '?' : figure(value);
}
