/**
 * Readers of untyped data: each turns a value into a typed one or reports what is wrong, and goes on, so that one pass
 * finds every problem. Nothing throws. The types of what is read follow from the readers (`Infer`).
 */
import type { Path, Report } from './problem.js';

/** Returned instead of a value that was reported. */
export const INVALID: unique symbol = Symbol('invalid');
export type Invalid = typeof INVALID;

export interface Schema<T> {
  /** What stands in documentation as the type: `string`, `port`, `list of …`. */
  readonly type: string;
  /** The fields, for schemas of objects; documentation and the check of unknown settings walk them. */
  readonly fields?: Fields;
  readonly element?: Schema<unknown>;
  read(value: unknown, path: Path, report: Report): T | Invalid;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

export interface Field<T> {
  readonly schema: Schema<T>;
  /** Absent: the field has to be given. */
  readonly fallback?: { readonly value: T };
  readonly doc?: string;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type ObjectOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export function required<T>(schema: Schema<T>, doc?: string): Field<T> {
  return { schema, ...(doc === undefined ? {} : { doc }) };
}

/** A field that may be left out, or null, and then has `value`. */
export function optional<T>(schema: Schema<T>, value: NoInfer<T>, doc?: string): Field<T> {
  return { schema, fallback: { value }, ...(doc === undefined ? {} : { doc }) };
}

/** A field that may be left out and then is undefined. */
export function maybe<T>(schema: Schema<T>, doc?: string): Field<T | undefined> {
  return optional<T | undefined>(schema, undefined, doc);
}

/** `found` as a person would say it, for `expected …, found …`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  return `the ${typeof value} ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}
