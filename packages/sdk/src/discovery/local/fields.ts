/**
 * Reading plain data (parsed YAML or JSON) field by field: every problem is noted with its path, and what was not asked
 * for is a problem too, so that a misspelt key cannot pass as an absent one.
 */
import { canonicalIp } from '../../wire/ip.js';
import type { ProblemList } from '../decode/problems.js';

export type Item<T> = (value: unknown, path: string, problems: ProblemList) => T;

/** The keys of one mapping. */
export class Fields {
  readonly path: string;
  readonly problems: ProblemList;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, path: string, problems: ProblemList) {
    this.path = path;
    this.problems = problems;
    this.#values = isMapping(value) ? value : {};
    if (!isMapping(value)) problems.add(path, `${shown(value)} is no mapping`);
  }

  /** undefined when the key is absent or null. */
  optional<T>(name: string, item: Item<T>): T | undefined {
    this.#asked.add(name);
    const value = this.#values[name];
    return value === undefined || value === null ? undefined : item(value, `${this.path}.${name}`, this.problems);
  }

  /** `fallback` stands in for what is missing; it is never used then. */
  required<T>(name: string, item: Item<T>, fallback: T): T {
    const value = this.optional(name, item);
    if (value === undefined) this.problems.add(this.path, `${name} is missing`);
    return value ?? fallback;
  }

  /** To be called when all keys have been asked for. */
  done(): void {
    for (const name of Object.keys(this.#values)) {
      if (!this.#asked.has(name)) this.problems.add(`${this.path}.${name}`, 'no such field');
    }
  }
}

export const text: Item<string> = (value, path, problems) => {
  if (typeof value === 'string') return value;
  problems.add(path, `${shown(value)} is no text${typeof value === 'number' ? '; put it in quotes' : ''}`);
  return '';
};

export const flag: Item<boolean> = (value, path, problems) => {
  if (typeof value !== 'boolean') problems.add(path, `${shown(value)} is neither true nor false`);
  return value === true;
};

export function whole(least: number, most: number): Item<number> {
  return (value, path, problems) => {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
    problems.add(path, `${shown(value)} is no whole number from ${least} to ${most}`);
    return least;
  };
}

export const port = whole(0, 65_535);

export const address: Item<string> = (value, path, problems) => {
  const ip = typeof value === 'string' ? canonicalIp(value) : undefined;
  if (ip === undefined) problems.add(path, `${shown(value)} is no IP address`);
  return ip ?? '';
};

export function listOf<T>(item: Item<T>): Item<readonly T[]> {
  return (value, path, problems) => {
    if (Array.isArray(value)) return value.map((each, index) => item(each, `${path}[${index}]`, problems));
    problems.add(path, `${shown(value)} is no list`);
    return [];
  };
}

/** Keys with their values. */
export function mapOf<T>(item: Item<T>): Item<readonly (readonly [string, T])[]> {
  return (value, path, problems) => {
    if (isMapping(value)) {
      return Object.entries(value).map(([key, each]) => [key, item(each, `${path}["${key}"]`, problems)] as const);
    }
    problems.add(path, `${shown(value)} is no mapping`);
    return [];
  };
}

/** One of a table's words; what it stands for. */
export function word<T>(words: Readonly<Record<string, T>>): Item<T> {
  const [first] = Object.values(words);
  return (value, path, problems) => {
    const found = typeof value === 'string' && Object.hasOwn(words, value) ? words[value] : undefined;
    if (found === undefined) problems.add(path, `${shown(value)} is none of ${Object.keys(words).join(', ')}`);
    return (found ?? first) as T;
  };
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Short enough for a log line. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}
