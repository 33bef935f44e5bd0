/** The two sides of the boundary say the same: exports, addresses, layouts, rule numbers. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { EXPORT_NAMES, Flag, Kind, Layout, Memory, Slot } from '../../src/abi.js';
import { CodecError, type CodecErrorCode, codeOfFault, ERROR_TABLE, ErrorCode } from '../../src/errors.js';
import { instantiate } from '../../src/instance.js';
import { Event } from '../../src/types.js';
import { WASM_BASE64 } from '../../src/wasm.gen.js';

/** Exported numeric constants of an assembly file, as written. */
async function constantsOf(file: string): Promise<Record<string, number>> {
  const text = await readFile(new URL(`../../assembly/${file}`, import.meta.url), 'utf8');
  const found = text.matchAll(/^export const (\w+)(?:: \w+)? = (0x[0-9a-f]+|\d+);/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name as string, Number(value)]));
}

const memory = await constantsOf('memory.ts');
const events = await constantsOf('events.ts');

describe('the module', () => {
  const module = new WebAssembly.Module(Uint8Array.from(atob(WASM_BASE64), (character) => character.charCodeAt(0)));

  test('exports exactly what the host declares', () => {
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);

    expect(names.sort()).toEqual([...EXPORT_NAMES].sort());
  });

  test('imports its memory, and nothing but the abort of debug builds', () => {
    const names = WebAssembly.Module.imports(module).map(({ name }) => name);

    expect(names.filter((name) => name !== 'abort')).toEqual(['memory']);
  });

  test("keeps the compiler's static data clear of the tables", () => {
    expect(instantiate(1).exports.staticDataEnd()).toBeLessThanOrEqual(Memory.TABLES);
  });
});

describe('numbers', () => {
  test('of the memory map agree', () => {
    expect(memory).toMatchObject(Memory);
    expect(memory).toMatchObject(Slot);
  });

  test('of the layouts agree', () => {
    expect(events).toMatchObject(Layout);
  });

  test('of the kinds and flags agree, and kinds that are events have the number of the event', () => {
    const prefixed = (prefix: string, table: object): object =>
      Object.fromEntries(Object.entries(table).map(([name, value]) => [`${prefix}_${name}`, value]));

    expect(events).toMatchObject(prefixed('KIND', Kind));
    expect(events).toMatchObject(prefixed('FLAG', Flag));
    expect(Event).toMatchObject({
      Data: Kind.DATA,
      RstStream: Kind.RST_STREAM,
      Settings: Kind.SETTINGS,
      Ping: Kind.PING,
      GoAway: Kind.GOAWAY,
      WindowUpdate: Kind.WINDOW_UPDATE,
      StreamError: Kind.STREAM_ERROR,
    });
  });

  test('of the memory map leave no region in another', () => {
    const at = (name: string): number => memory[name] as number;
    const regions = [
      [at('HUFFMAN_FAST'), 512 * 2],
      [at('HUFFMAN_SYMBOLS'), 257 * 2],
      [at('HUFFMAN_ROWS'), 31 * 12],
      [at('STATIC_ENTRIES'), 62 * at('TABLE_ENTRY_SIZE')],
      [at('STATIC_BYTES'), 0xa00],
      [at('NAME_HASH'), 1024 * 2],
      [at('NAME_ENTRIES'), 384 * 16],
      [at('NAME_BYTES'), at('NAME_BYTES_SIZE')],
      [at('KEY_HASH'), 256],
      [at('KEY_ENTRIES'), 64 * 8],
      [at('KEY_BYTES'), at('KEY_BYTES_SIZE')],
      [at('WINDOW'), at('WINDOW_SIZE')],
      [at('BLOCK_RESULT'), 8],
      [at('BLOCK_BAGGAGE'), 16 + 64 * 8],
      [at('LOOSE_BAGGAGE'), 16 + 64 * 8],
      [at('FIELDS'), (at('MAX_HEADER_LIST') / 32) * (events.FIELD_SIZE as number)],
      [at('BLOCK_INPUT'), at('MAX_HEADER_BLOCK')],
      // A full list, a name from a table, and one field that Huffman coding made 8/5 of a full block.
      [at('ARENA'), at('MAX_HEADER_LIST') + at('MAX_TABLE') + Math.ceil((at('MAX_HEADER_BLOCK') * 8) / 5)],
      [at('BLOCK_UNESCAPED'), at('MAX_HEADER_LIST')],
      [at('LOOSE_UNESCAPED'), at('MAX_LOOSE_BAGGAGE')],
      [at('LOOSE_INPUT'), at('MAX_LOOSE_BAGGAGE')],
      [at('SLOTS'), at('SLOT_SIZE')],
    ] as const;
    const slot = [
      [at('COLLECT'), at('MAX_SETTINGS') * 6],
      [at('RECORDS'), at('RECORD_CAPACITY') * (events.RECORD_SIZE as number)],
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
      Object.entries(events).filter(([name]) => !/^(KIND|FLAG|BAGGAGE)_|_SIZE$/.test(name) || name in ours),
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
