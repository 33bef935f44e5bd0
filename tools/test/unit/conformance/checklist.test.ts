/** Every row of the interop checklist has a test that cites it (`hbone §10.server.1`), and docs/conformance.md names it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const ROWS = [...numbered('server', 8), ...numbered('client', 8), ...numbered('fact', 11)];

function numbered(part: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${part}.${index + 1}`);
}

/** Files of all packages' tests, relative to the root. */
function testFiles(): readonly string[] {
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => join(ROOT, 'packages', name, 'test'));
  return packages.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => relative(ROOT, join(directory, name))),
  );
}

/** Row to the files that cite it. */
function citations(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of testFiles()) {
    for (const [, row = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(/§10\.((?:server|client|fact)\.\d+)/g)) {
      found.set(row, (found.get(row) ?? new Set()).add(file));
    }
  }
  return found;
}

/** Row to the files that the page links to. */
function page(): ReadonlyMap<string, ReadonlySet<string>> {
  const lines = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8').split('\n');
  const rows = lines.flatMap((line) => {
    const [, row, , tests = ''] = /^\| ((?:server|client|fact)\.\d+) \|(.*)\|([^|]*)\|$/.exec(line) ?? [];
    return row === undefined ? [] : [[row, tests] as const];
  });
  return new Map(
    rows.map(([row, tests]) => [row, new Set([...tests.matchAll(/\(\.\.\/([^)]+)\)/g)].map(([, file = '']) => file))]),
  );
}

describe('the interop checklist', () => {
  const cited = citations();

  it.each(ROWS)('row %s is cited by a test, and the page says by which', (row) => {
    expect(cited.get(row)).toBeDefined();
    expect(page().get(row)).toEqual(cited.get(row));
  });

  it('has no other rows', () => {
    expect([...cited.keys()].sort()).toEqual([...ROWS].sort());
    expect([...page().keys()]).toEqual(ROWS);
  });
});
