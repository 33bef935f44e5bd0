/** The two sides of the boundary say the same: exports, addresses, layouts, rule numbers. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { EXPORT_NAMES, Layout, Memory } from '../../src/abi.js';
import { CodecError, type CodecErrorCode, codeOfFault, ERROR_TABLE, ErrorCode } from '../../src/errors.js';
import { instantiate } from '../../src/instance.js';
import { SCALAR_BASE64, SIMD_BASE64 } from '../../src/wasm.gen.js';

/** Exported numeric constants of an assembly file, as written. */
async function constantsOf(file: string): Promise<Record<string, number>> {
  const text = await readFile(new URL(`../../assembly/${file}`, import.meta.url), 'utf8');
  const found = text.matchAll(/^export const (\w+)(?:: \w+)? = (0x[0-9a-f]+|\d+);/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name as string, Number(value)]));
}

const memory = await constantsOf('memory.ts');
const events = await constantsOf('events.ts');

describe.each([
  ['scalar', SCALAR_BASE64],
  ['SIMD', SIMD_BASE64],
])('the %s module', (_, base64) => {
  const module = new WebAssembly.Module(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));

  test('exports exactly what the host declares', () => {
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);

    expect(names.sort()).toEqual([...EXPORT_NAMES].sort());
  });

  test('imports its memory, and nothing but the abort of debug builds', () => {
    const names = WebAssembly.Module.imports(module).map(({ name }) => name);

    expect(names.filter((name) => name !== 'abort')).toEqual(['memory']);
  });

  test("keeps the compiler's static data clear of the tables", () => {
    expect(
      instantiate({ slots: 1, residentBytes: 0, simd: base64 === SIMD_BASE64 }).exports.staticDataEnd(),
    ).toBeLessThanOrEqual(Memory.TABLES);
  });
});

describe('numbers', () => {
  test('of the memory map agree', () => {
    expect(memory).toMatchObject(Memory);
  });

  test('of the layouts agree', () => {
    expect(events).toMatchObject(Layout);
  });

  test('of the memory map leave no region in another', () => {
    const at = (name: string): number => memory[name] as number;
    const padding = at('PADDING');
    const regions = [
      [at('HUFFMAN_SYMBOLS'), 257 * 2],
      [at('HUFFMAN_ROWS'), 31 * 12],
      [at('STATIC_ENTRIES'), 62 * at('TABLE_ENTRY_SIZE')],
      [at('STATIC_BYTES'), 0xa00],
      [at('NAME_HASH'), 1024 * 2],
      [at('NAME_ENTRIES'), 384 * 16],
      [at('NAME_BYTES'), at('NAME_BYTES_SIZE') + padding],
      [at('KEY_HASH'), 256],
      [at('KEY_BYTES'), at('KEY_BYTES_SIZE') + padding],
      [at('KEY_RECORDS'), 65 * 128],
      [at('BLOCK_RESULT'), 48],
      [at('BLOCK_BAGGAGE'), 8 + 65 * 8],
      [at('LOOSE_BAGGAGE'), 8 + 65 * 8],
      [at('HUFFMAN_PAIRS'), 4096 * 4],
      [at('INTERN_KEY'), at('INTERN_TEXT_SIZE') + 4],
      [at('INTERN_ENTRIES'), at('INTERN_COUNT') * 16],
      [at('FIELDS'), (at('MAX_HEADER_LIST') / 32) * (events.FIELD_SIZE as number)],
      [at('BLOCK_INPUT'), at('MAX_HEADER_BLOCK') + padding],
      // A full list, a name from a table, and one field that Huffman coding made 8/5 of a full block.
      [at('ARENA'), at('MAX_HEADER_LIST') + at('MAX_TABLE') + Math.ceil((at('MAX_HEADER_BLOCK') * 8) / 5) + padding],
      [at('BLOCK_UNESCAPED'), at('MAX_HEADER_LIST') + padding],
      [at('LOOSE_UNESCAPED'), at('MAX_LOOSE_BAGGAGE') + padding],
      [at('LOOSE_INPUT'), at('MAX_LOOSE_BAGGAGE') + padding],
      [at('INTERN_TEXTS'), at('INTERN_COUNT') * at('INTERN_TEXT_SIZE') + padding],
      [at('SLOTS'), at('SLOT_SIZE')],
    ] as const;
    const slot = [
      [at('TABLE_OWED'), 4],
      [at('TABLE_RING'), at('TABLE_RING_ENTRIES') * at('TABLE_ENTRY_SIZE')],
      [at('TABLE_BYTES'), at('MAX_TABLE') * 2],
      [at('SLOT_SIZE'), 0],
    ] as const;

    for (const list of [regions, slot]) {
      for (const [i, [start, size]] of list.entries()) {
        const next = list[i + 1]?.[0] ?? Number.POSITIVE_INFINITY;
        expect(start + size, `region ${i} at 0x${start.toString(16)}`).toBeLessThanOrEqual(next);
      }
    }
  });
});

describe('the error table', () => {
  const rows = Object.entries(ERROR_TABLE) as [CodecErrorCode, (typeof ERROR_TABLE)[CodecErrorCode]][];

  test('has a row for every rule of wasm, and no rule twice', () => {
    const ours = Object.fromEntries(
      rows.filter(([, { fault }]) => fault > 0).map(([code, { fault }]) => [code, fault]),
    );
    const theirs = Object.fromEntries(
      Object.entries(events).filter(([name]) => !/^(RESULT|BAGGAGE)_|_SIZE$/.test(name) || name in ours),
    );

    expect(ours).toEqual(theirs);
    expect(new Set(Object.values(ours)).size).toBe(Object.keys(ours).length);
    for (const [code, fault] of Object.entries(ours)) expect(codeOfFault(fault)).toBe(code);
  });

  test.each(rows)('%s names its RFC section and an HTTP/2 code', (code, row) => {
    const error = new CodecError(code, 'detail');

    expect(error).toMatchObject({ name: 'CodecError', code, http2Code: row.http2, section: row.section });
    expect(error.message).toContain('detail');
    expect(row.section).toMatch(/^RFC (9113|7541) \d+(\.\d+)*$/);
    expect(Object.values(ErrorCode)).toContain(row.http2);
  });
});
