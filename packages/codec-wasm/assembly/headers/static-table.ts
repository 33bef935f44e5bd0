/** The static table (RFC 7541 appendix A) as table entries, built once. */
import { putText } from '../bytes/hash';
import { STATIC_BYTES, STATIC_ENTRIES, TABLE_ENTRY_SIZE } from '../memory';
import { write } from './entry';
import { findName } from './names';
import { judgeValue } from './rules';
import { STATIC_TABLE } from './tables';

export const STATIC_COUNT = 61;

/** The names of headers/names.ts must be there; ones that the host registers later are looked up again. */
export function buildStaticTable(): void {
  let at: usize = STATIC_BYTES;
  for (let i = 0; i < STATIC_COUNT; i++) {
    const name = unchecked(STATIC_TABLE[i * 2]);
    const value = unchecked(STATIC_TABLE[i * 2 + 1]);
    const end = putText(putText(at, name), value);
    const known = findName(at, name.length);
    const verdict = judgeValue(known, at, name.length, value.length, false);
    write(staticEntry(i + 1), at, name.length, value.length, known, verdict);
    at = end;
  }
}

export function staticEntry(index: i32): usize {
  return STATIC_ENTRIES + <usize>index * TABLE_ENTRY_SIZE;
}
