/**
 * Validation that tells everything at once: decoders note each problem with its path and go on; only the outermost one
 * decides. Nothing throws, and nothing is used of a resource with a problem. At most 16 problems per resource are kept:
 * the reason travels back to the control plane in one string.
 */
import type { EnumTable } from '../enums.js';

export interface Problem {
  /** `workload.addresses[0]`; field names as in the JSON form of the protos. */
  readonly path: string;
  /** What is there and what would be right. */
  readonly message: string;
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ProblemList {
  add(path: string, message: string): void;
  /** The value when nothing was noted, else all problems. */
  result<T>(value: T): Decoded<T>;
}

const MAX_KEPT = 16;

export function createProblemList(): ProblemList {
  const kept: Problem[] = [];
  let passedOver = 0;
  return {
    add(path, message) {
      if (kept.length < MAX_KEPT) kept.push({ path, message });
      else passedOver++;
    },
    result(value) {
      if (kept.length === 0) return { ok: true, value };
      const rest = passedOver > 0 ? [{ path: '…', message: `and ${passedOver} more` }] : [];
      return { ok: false, problems: [...kept, ...rest] };
    },
  };
}

/** One line for logs and NACKs. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join(', ');
}

/** The model's name of an enum value. With none it is noted, and the table's first name stands in: it is never used. */
export function decodeEnum<Name extends string>(
  table: EnumTable<Name>,
  value: number,
  path: string,
  problems: ProblemList,
): Name {
  const name = table.decode(value);
  if (name !== undefined) return name;
  const known = table.desc.values.find((candidate) => candidate.number === value);
  problems.add(path, known ? `${known.name} is not supported` : `${value} is not a known ${table.desc.name}`);
  return table.names[0];
}

/** Ports are uint32 on the wire. ztunnel cuts them to 16 bits, which names another port than the one meant. */
export function decodePort(value: number, path: string, problems: ProblemList): number {
  if (value > 65535) problems.add(path, `${value} is not a port, the highest is 65535`);
  return value;
}
