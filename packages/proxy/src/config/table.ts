/**
 * Reading a table of settings from an environment. All problems are collected, each naming its variable and what is
 * allowed; a row is pure data, so the help text and the reference page are printed from the same table.
 */
import { type Kind, Refusal } from './kinds.js';

export interface SettingRow<T> {
  /** The name, then accepted aliases. */
  readonly env: readonly [string, ...string[]];
  readonly kind: Kind<Exclude<T, undefined>>;
  readonly default: T;
  /** How the default reads on the reference page where the value alone does not tell. */
  readonly defaultText?: string;
  readonly doc: string;
  /** The value is never printed. */
  readonly secret?: true;
}

export type SettingTable = Readonly<Record<string, SettingRow<unknown>>>;
export type Values<T extends SettingTable> = { readonly [K in keyof T]: T[K] extends SettingRow<infer V> ? V : never };
export type Environment = Readonly<Record<string, string | undefined>>;

/** Lets a row's value type be written once. */
export function setting<T>(row: SettingRow<T>): SettingRow<T> {
  return row;
}

export interface Reading<T extends SettingTable> {
  readonly values: Values<T>;
  readonly problems: readonly string[];
}

/** Variables the table does not know are nobody's error: the environment is shared with everything else. */
export function readTable<T extends SettingTable>(table: T, env: Environment): Reading<T> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [property, row] of Object.entries(table)) {
    const texts = row.env.flatMap((name) => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [{ name, value }];
    });
    values[property] = row.default;
    const [first, ...others] = texts;
    if (!first) continue;
    const contrary = others.find(({ value }) => value !== first.value);
    if (contrary) problems.push(`${first.name} and ${contrary.name} are the same setting and disagree; keep one`);
    try {
      values[property] = row.kind.parse(first.value);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const shown = row.secret ? '(not shown)' : `"${first.value}"`;
      problems.push(`${first.name}=${shown} ${error.message}; expected ${row.kind.allowed}`);
    }
  }
  return { values: values as Values<T>, problems };
}
