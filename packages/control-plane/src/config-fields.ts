/** What several parts of the configuration are made of. */
import { type Field, type Fields, type ObjectOf, optional, strictObject, string } from './schema/index.js';

/** Relative ones are relative to the file they stand in. */
export const path = string({ type: 'path', test: (text) => text.length > 0, expected: 'a path' });

/** A group of settings that may be left out as a whole: each has its own default. */
export function section<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  const defaults = Object.entries(fields).map(([key, field]) => [key, field.fallback?.value]);
  return optional<ObjectOf<F>>(strictObject(fields), Object.fromEntries(defaults) as NoInfer<ObjectOf<F>>);
}
