/** Readers of mappings and lists. */
import type { Path, Report } from './problem.js';
import { describeValue, type Field, type Fields, INVALID, type Invalid, type ObjectOf, type Schema } from './schema.js';

/** Further checks of a value whose parts are right: what concerns several fields at once. */
export type Check<T> = (value: T, path: Path, report: Report) => void;

/** A mapping of known fields; others are ignored, as Kubernetes objects carry many that the mesh has no use for. */
export function object<F extends Fields>(fields: F, check?: Check<ObjectOf<F>>): Schema<ObjectOf<F>> {
  return {
    type: 'mapping',
    fields,
    read(value, path, report) {
      if (!isMapping(value)) {
        report(path, `expected a mapping, found ${describeValue(value)}`);
        return INVALID;
      }
      const result = readFields(fields, value, path, report);
      if (result !== INVALID) check?.(result, path, report);
      return result;
    },
  };
}

/** Like `object`, but a field that is not known is an error: in our own settings it can only be a slip. */
export function strictObject<F extends Fields>(fields: F, check?: Check<ObjectOf<F>>): Schema<ObjectOf<F>> {
  const inner = object(fields, check);
  return {
    ...inner,
    read(value, path, report) {
      const result = inner.read(value, path, report);
      if (!isMapping(value)) return result;
      const unknown = Object.keys(value).filter((key) => !Object.hasOwn(fields, key));
      for (const key of unknown)
        report([...path, key], `no such setting; known here: ${Object.keys(fields).join(', ')}`);
      return unknown.length > 0 ? INVALID : result;
    },
  };
}

export function list<T>(element: Schema<T>): Schema<readonly T[]> {
  return {
    type: `list of ${element.type}`,
    element,
    read(value, path, report) {
      if (!Array.isArray(value)) {
        report(path, `expected a list, found ${describeValue(value)}`);
        return INVALID;
      }
      if (value.length === 0) return NONE;
      const read = value.map((item, index) => element.read(item, [...path, index], report));
      return read.every(isValid) ? read : INVALID;
    },
  };
}

const NONE: readonly never[] = Object.freeze([]);

/** A mapping of free keys. */
export function mapOf<T>(element: Schema<T>): Schema<Readonly<Record<string, T>>> {
  return {
    type: `mapping to ${element.type}`,
    element,
    read(value, path, report) {
      if (!isMapping(value)) {
        report(path, `expected a mapping, found ${describeValue(value)}`);
        return INVALID;
      }
      // No prototype, so that a key such as `__proto__` is a key like any other.
      const result: Record<string, T> = Object.create(null);
      let valid = true;
      for (const [key, item] of Object.entries(value)) {
        const read = element.read(item, [...path, key], report);
        if (read === INVALID) valid = false;
        else result[key] = read;
      }
      return valid ? result : INVALID;
    },
  };
}

/** The first schema that takes the value's JavaScript type, for fields such as targetPort: integer or string. */
export function byType<A, B>(whenNumber: Schema<A>, whenOther: Schema<B>): Schema<A | B> {
  return {
    type: `${whenNumber.type} | ${whenOther.type}`,
    read: (value, path, report) =>
      typeof value === 'number' ? whenNumber.read(value, path, report) : whenOther.read(value, path, report),
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isValid<T>(value: T | Invalid): value is T {
  return value !== INVALID;
}

function readFields<F extends Fields>(
  fields: F,
  value: Record<string, unknown>,
  path: Path,
  report: Report,
): ObjectOf<F> | Invalid {
  const result: Record<string, unknown> = {};
  let valid = true;
  for (const [key, field] of Object.entries(fields)) {
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    const read = readField(field, given, [...path, key], report);
    if (read === INVALID) valid = false;
    else result[key] = read;
  }
  return valid ? (result as ObjectOf<F>) : INVALID;
}

function readField<T>(field: Field<T>, given: unknown, path: Path, report: Report): T | Invalid {
  if (given !== undefined && given !== null) return field.schema.read(given, path, report);
  if (field.fallback) return field.fallback.value;
  report(path, `is missing; expected ${field.schema.type}`);
  return INVALID;
}
