/** The table of bounds, and the page that shows it. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { httpLimits, LIMIT_TABLE } from '../../../src/http/limits.js';

describe('httpLimits', () => {
  it('gives the values of the table, some replaced', () => {
    const limits = httpLimits({ tunnels: 3 });

    expect(limits.tunnels).toBe(3);
    expect(limits.headBytes).toBe(LIMIT_TABLE.headBytes.value);
  });
});

describe('docs/waypoint.md', () => {
  it.each(Object.entries(LIMIT_TABLE))('shows %s as it is', async (name, row) => {
    const page = await readFile(new URL('../../../../../docs/waypoint.md', import.meta.url), 'utf8');

    expect(page).toContain(`| \`${name}\` | ${row.value} | ${row.doc} |`);
  });
});
