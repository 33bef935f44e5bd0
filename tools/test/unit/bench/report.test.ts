import { expect, test } from 'vitest';
import { idsOfPage, renderMarkdown, renderTable, renderVerdict, replaceTable } from '../../../bench/report.js';
import type { Result } from '../../../bench/statistics.js';

const RESULT: Result = {
  id: 'a.b',
  subject: 'ours',
  peer: 'theirs',
  ratio: 12.345,
  min: 9.99,
  max: 101.4,
  upperQuartile: 50,
  rounds: 11,
};

test('the table has a line for each case, with times for one operation', () => {
  const table = renderTable([{ result: RESULT, subjectNs: 46.04, peerNs: 568.3 }]);

  expect(table).toBe('ID   RATIO  MIN - MAX   SUBJECT  PEER\na.b   12.3  9.99 - 101  46.0 ns  568 ns  theirs\n');
});

test('the verdict names each case that failed, and by how much', () => {
  const text = renderVerdict(
    {
      failures: [{ id: 'a.b', ratio: 4, limit: 5, rule: 'floor' }],
      recovered: [{ id: 'c.d', ratio: 8, limit: 8.5, rule: 'committed ratio' }],
    },
    9,
  );

  expect(text).toContain('FAIL   a.b: ratio 4.00 is 20.0 % under 5.00, its floor, twice running\n');
  expect(text).toContain('again  c.d: ratio 8.00 is 5.9 % under 8.50, what the committed ratio allows; fast enough');
  expect(text).toContain('the gate fails: 1 of 9 cases\n');
});

test('the table of the manual goes between its markers, and its ids can be read back', () => {
  const page = 'before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n';

  const written = replaceTable(page, renderMarkdown([RESULT, { ...RESULT, id: 'c.d' }]));

  expect(written.startsWith('before\n<!-- bench:begin -->\n| id |')).toBe(true);
  expect(written.endsWith('|\n<!-- bench:end -->\nafter\n')).toBe(true);
  expect(written).not.toContain('old');
  expect(idsOfPage(written)).toEqual(['a.b', 'c.d']);
});

test('a page without markers is refused', () => {
  expect(() => replaceTable('no table here', '')).toThrow('bench:begin');
});
