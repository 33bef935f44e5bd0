/** The result of a soak: judgement, one JSON object, and the same for people. Pure. */
import type { Book, Outcome, PathReport } from './ledger.js';
import { judgeMemory, MAX_SLOPE_MB_PER_MINUTE, type MemoryReport, type Sample } from './memory.js';
import { ROTATION_MS } from './timeline.js';

export interface SoakReport {
  readonly ok: boolean;
  readonly seconds: number;
  readonly calls: number;
  readonly paths: readonly PathReport[];
  /** At most 50 of them. */
  readonly failures: readonly Outcome[];
  readonly cut: readonly Outcome[];
  readonly memory: readonly MemoryReport[];
  readonly maxSlopeMbPerMinute: number;
  readonly certificates: Readonly<Record<string, number>>;
  /** What speaks against `ok`, one sentence each. */
  readonly complaints: readonly string[];
}

const MAX_LISTED = 50;
/** Of the certificates that the time would have been enough for: renewal pauses while a control plane is away. */
const LEAST_ROTATIONS = 0.5;

export interface Findings {
  readonly lengthMs: number;
  readonly book: Book;
  readonly memory: ReadonlyMap<string, readonly Sample[]>;
  readonly certificates: Readonly<Record<string, number>>;
  readonly gone: readonly string[];
}

export function judge({ lengthMs, book, memory, certificates, gone }: Findings): SoakReport {
  const { paths, failures, cut } = book.report();
  const judged = [...memory].map(([process, samples]) => judgeMemory(process, samples, lengthMs));
  const expected = Math.floor((LEAST_ROTATIONS * lengthMs) / ROTATION_MS);
  const complaints = [
    ...paths
      .filter(({ failed }) => failed > 0)
      .map(({ path, failed }) => `${path}: ${failed} calls failed that could have been served`),
    ...judged
      .filter(({ flat }) => !flat)
      .map(({ process, slopeMbPerMinute }) => `${process} grows by ${slopeMbPerMinute} MB a minute`),
    ...Object.entries(certificates)
      .filter(([, issued]) => issued < expected)
      .map(([process, issued]) => `${process} got ${issued} certificates, expected ${expected} or more`),
    ...gone.map((process) => `${process} has ended`),
  ];
  return {
    ok: complaints.length === 0,
    seconds: Math.round(lengthMs / 1_000),
    calls: book.calls,
    paths,
    failures: failures.slice(0, MAX_LISTED),
    cut: cut.slice(0, MAX_LISTED),
    memory: judged,
    maxSlopeMbPerMinute: MAX_SLOPE_MB_PER_MINUTE,
    certificates,
    complaints,
  };
}

export function forPeople(report: SoakReport): string {
  const lines = [
    row('PATH', 'CALLS', 'FAILED', 'CUT', 'P50 MS', 'P99 MS'),
    ...report.paths.map(({ path, calls, failed, cut, p50Ms, p99Ms }) => row(path, calls, failed, cut, p50Ms, p99Ms)),
    '',
    row('PROCESS', 'LIVE MB', 'AT END', 'MB/MIN', 'RSS MB', 'CERTS'),
    ...report.memory.map(({ process, firstLiveMb, lastLiveMb, slopeMbPerMinute, lastResidentMb }) =>
      row(
        process,
        firstLiveMb,
        lastLiveMb,
        slopeMbPerMinute ?? '-',
        lastResidentMb,
        report.certificates[process] ?? '',
      ),
    ),
    '',
    ...report.cut.map((each) => `cut by a kill: ${sentence(each)}`),
    ...report.failures.map((each) => `failed: ${sentence(each)}`),
    ...report.complaints.map((complaint) => `NOT OK: ${complaint}`),
    report.ok
      ? `ok: ${report.calls} calls in ${report.seconds} s, none failed that could have been served, memory is flat (at most ${report.maxSlopeMbPerMinute} MB a minute)`
      : `not ok: ${report.complaints.length} complaints`,
  ];
  return `${lines.join('\n')}\n`;
}

function sentence({ path, startedMs, endedMs, error }: Outcome): string {
  const at = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  return `${path}, from ${at(startedMs)} to ${at(endedMs)}: ${error}`;
}

function row(first: string, ...rest: readonly (string | number)[]): string {
  return `${first.padEnd(40)}${rest.map((cell) => String(cell).padStart(10)).join('')}`.trimEnd();
}
