/** Results as text: the table for a terminal, for the manual, and the sentences of the gate. Pure. */
import type { Shortfall, Verdict } from './gate.js';
import type { Measurement } from './measure.js';
import type { Result } from './statistics.js';

export function renderTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ result, subjectNs, peerNs }) => [
    result.id,
    figure(result.ratio),
    `${figure(result.min)} - ${figure(result.max)}`,
    `${figure(subjectNs)} ns`,
    `${figure(peerNs)} ns`,
    result.peer,
  ]);
  return layOut([['ID', 'RATIO', 'MIN - MAX', 'SUBJECT', 'PEER', ''], ...rows]);
}

/** Three digits are more than a shared machine can give. */
export function figure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function renderJson(results: readonly Result[]): string {
  return `${JSON.stringify(results, null, 2)}\n`;
}

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

export function renderMarkdown(results: readonly Result[]): string {
  const rows = results.map(
    ({ id, subject, peer, ratio, min, max }) =>
      `| \`${id}\` | ${subject} | ${peer} | ${figure(ratio)} | ${figure(min)} - ${figure(max)} |`,
  );
  return ['| id | subject | peer | ratio | min - max |', '|---|---|---|---|---|', ...rows].join('\n');
}

/** What encloses a table of the page. */
export interface Markers {
  readonly begin: string;
  readonly end: string;
}

/** Puts the table between the page's markers. Throws when it has none. */
export function replaceTable(page: string, table: string, markers: Markers = { begin: BEGIN, end: END }): string {
  const [begin, end] = [page.indexOf(markers.begin), page.indexOf(markers.end)];
  if (begin < 0 || end < begin) throw new Error(`the page has no ${markers.begin} before a ${markers.end}`);
  return `${page.slice(0, begin + markers.begin.length)}\n${table}\n${page.slice(end)}`;
}

/** Ids of the page's table, in order. */
export function idsOfPage(page: string): string[] {
  const table = page.slice(page.indexOf(BEGIN), page.indexOf(END));
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, id]) => id as string);
}

export function renderVerdict({ failures, recovered }: Verdict, cases: number): string {
  const lines = [
    ...recovered.map((shortfall) => `again  ${sentence(shortfall)}; fast enough when measured once more`),
    ...failures.map((shortfall) => `FAIL   ${sentence(shortfall)}, twice running`),
    failures.length === 0 ? `the gate passes: ${cases} cases` : `the gate fails: ${failures.length} of ${cases} cases`,
  ];
  return `${lines.join('\n')}\n`;
}

function sentence({ id, ratio, limit, rule }: Shortfall): string {
  const percent = ((1 - ratio / limit) * 100).toFixed(1);
  const allowed = rule === 'floor' ? 'its floor' : 'what the committed ratio allows';
  return `${id}: ratio ${figure(ratio)} is ${percent} % under ${figure(limit)}, ${allowed}`;
}

export function layOut(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (cell: string) => /^[\d.]/.test(cell);
  const pad = (cell: string, width: number) => (isNumber(cell) ? cell.padStart(width) : cell.padEnd(width));
  const line = (row: readonly string[]) => row.map((cell, column) => pad(cell, widths[column] ?? 0)).join('  ');
  return `${rows.map((row) => line(row).trimEnd()).join('\n')}\n`;
}
