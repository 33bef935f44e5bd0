/**
 * Values that many objects repeat are kept once: the labels, containers, conditions and names of a hundred thousand pods are
 * those of a few hundred deployments. What is read is never written to, so nobody can tell.
 *
 * Bounds, for each schema: 16,384 values; at the next all are forgotten and sharing begins anew, while objects keep what they
 * have. Values of more than 1,024 characters are not shared.
 */
import { INVALID, type Schema } from './schema.js';

const MAX_SHARED_VALUES = 16_384;
const MAX_SHARED_TEXT = 1_024;

/** The same schema, whose equal values are one. */
export function shared<T>(schema: Schema<T>): Schema<T> {
  const known = new Map<string, T>();
  return {
    ...schema,
    read(value, path, report) {
      const read = schema.read(value, path, report);
      if (read === INVALID) return read;
      const text = typeof read === 'string' ? read : JSON.stringify(read);
      if (text === undefined || text.length > MAX_SHARED_TEXT) return read;
      const before = known.get(text);
      if (before !== undefined) return before;
      if (known.size >= MAX_SHARED_VALUES) known.clear();
      known.set(text, read);
      return read;
    },
  };
}
