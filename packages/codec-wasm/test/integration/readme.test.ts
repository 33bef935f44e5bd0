/** The README's example is a file that runs, and its tables are what the code says. */
import { readFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { Memory } from '../../src/abi.js';
import { ERROR_TABLE, ErrorCode } from '../../src/errors.js';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
// The formatter lines the columns of tables up.
const tableRows = readme
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.replace(/ +/g, ' '));

test('the example prints what the README says', async () => {
  const source = await readFile(new URL('readme-example.ts', import.meta.url), 'utf8');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});

  await import('./readme-example.js');

  const printed = log.mock.calls.map((words) => words.join(' ')).join('\n');
  log.mockRestore();
  expect(readme).toContain(`\`\`\`ts\n${source}\`\`\``);
  expect(readme).toContain(`\`\`\`\n${printed}\n\`\`\``);
});

test('the error table is the one of the code', () => {
  const nameOf = (http2: number): string =>
    Object.entries(ErrorCode).find(([, value]) => value === http2)?.[0] ?? 'none';
  const rows = Object.entries(ERROR_TABLE).map(
    ([code, row]) => `| \`${code}\` | ${row.scope} | ${nameOf(row.http2)} | ${row.section} | ${row.text} |`,
  );

  expect(tableRows.filter((line) => /^\| `[A-Z_0-9]+` \|/.test(line))).toEqual(rows);
});

test('the memory map is the one of the code', () => {
  const rows = tableRows.filter((line) => line.startsWith('| 0x'));
  const addresses = rows.map((row) => Number(/0x[0-9a-f]+/.exec(row)?.[0]));

  expect(addresses).toEqual([
    0,
    Memory.TABLES,
    Memory.BLOCK_RESULT,
    Memory.INTERN_KEY,
    Memory.FIELDS,
    Memory.BLOCK_INPUT,
    Memory.BLOCK_INPUT + Memory.MAX_HEADER_BLOCK + Memory.PADDING,
    0x100000,
    Memory.LOOSE_INPUT,
    Memory.LOOSE_INPUT + Memory.MAX_LOOSE_BAGGAGE + 0xf80,
    Memory.SLOTS,
  ]);
});
