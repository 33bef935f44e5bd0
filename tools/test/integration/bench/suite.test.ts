/** The committed baseline, the page and the cases name the same things; each case's two sides agree. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadSuite } from '../../../bench/case.js';
import { checkIds, parseBaseline } from '../../../bench/gate.js';
import { idsOfPage } from '../../../bench/report.js';

const ROOT = new URL('../../../../', import.meta.url);
const cases = await loadSuite(new URL('packages/codec-wasm/bench/cases/index.ts', ROOT));
const ids = cases.map(({ id }) => id);

/** The floors are promises of the project, not figures of a machine: changing one is a decision. */
const PROMISED: Readonly<Record<string, number>> = {
  'baggage.decode.wire': 5,
  'baggage.decode.string': 2,
  'baggage.decode.otel': 15,
  'baggage.encode': 15,
  'hpack.decode.literal': 10,
  'hpack.decode.indexed': 10,
  'hpack.encode.connect': 40,
  'connect.decode': 12,
  'frames.scan.100': 1,
  'frames.scan.1k': 1,
  'frames.scan.16k': 1,
  'frames.scan.mixed': 1,
};

test('the baseline has a row for each case, with the floor that was promised', async () => {
  const baseline = parseBaseline(await readFile(new URL('packages/codec-wasm/bench/baseline.json', ROOT), 'utf8'));

  checkIds(baseline, ids);
  expect(ids).toEqual(Object.keys(PROMISED));
  expect(Object.fromEntries(Object.entries(baseline).map(([id, { floor }]) => [id, floor]))).toEqual(PROMISED);
});

test('the table of the manual has the cases, in order', async () => {
  const page = await readFile(new URL('docs/performance.md', ROOT), 'utf8');

  expect(idsOfPage(page)).toEqual(ids);
});

test.each(cases.map((benchCase) => ({ id: benchCase.id, benchCase })))(
  '$id: subject and peer agree',
  ({ benchCase }) => {
    const { operations, subject, peer } = benchCase.open();

    expect(operations).toBeGreaterThan(60);
    expect(subject()).toBeGreaterThan(0);
    expect(peer()).toBeGreaterThan(0);
  },
);

test('a module that is no suite is refused by its name', async () => {
  const file = fileURLToPath(new URL('../../../bench/statistics.ts', import.meta.url));

  await expect(loadSuite(file)).rejects.toThrow(`${file} is no suite`);
});
