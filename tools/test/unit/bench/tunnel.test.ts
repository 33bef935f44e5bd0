/** The table of the tunnel benchmark: it names what the project promises, and every figure is shown with its unit. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FULL, SCENARIOS, SHORT } from '../../../bench/tunnel/cases.js';
import type { TunnelResult } from '../../../bench/tunnel/race.js';
import { renderTunnelMarkdown, renderTunnelTable, TUNNEL_MARKERS } from '../../../bench/tunnel/report.js';

const rows = SCENARIOS.flatMap((scenario) => scenario.rows);

/** Floors and goals are promises of the project: changing one is a decision. */
const PROMISED: Readonly<Record<string, readonly [floor: number, goal: number]>> = {
  'tunnel.bulk.up': [1.15, 1.4],
  'tunnel.bulk.up.cpu': [1.15, 1.4],
  'tunnel.bulk.down': [1.15, 1.4],
  'tunnel.bulk.down.cpu': [1.15, 1.4],
  'tunnel.bulk.up.default': [1.6, 2],
  'tunnel.bulk.down.default': [1.6, 2],
  'tunnel.bulk.limit': [0.85, 0.97],
  'tunnel.small64': [1.3, 1.8],
  'tunnel.latency.p99.64': [1, 1.5],
  'tunnel.new': [1.4, 2],
  'tunnel.new.nested': [4, 8],
  'tunnel.idle.rss': [1, 3],
};

describe('the table of cases', () => {
  test.each(Object.entries(PROMISED))('%s promises %j', (id, promise) => {
    const row = rows.find((candidate) => candidate.id === id);

    expect([row?.floor, row?.goal]).toEqual(promise);
  });

  test('names every row once', () => {
    const ids = rows.map(({ id }) => id);

    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is the one in the manual, row by row', () => {
    const page = readFileSync(new URL('../../../../docs/performance.md', import.meta.url), 'utf8');
    const table = page.slice(page.indexOf(TUNNEL_MARKERS.begin), page.indexOf(TUNNEL_MARKERS.end));

    expect([...table.matchAll(/^\| `([^`]+)`/gm)].map(([, id]) => id)).toEqual(rows.map(({ id }) => id));
  });

  test('asks for at least five rounds, in the short form too', () => {
    expect([FULL.rounds >= 5, SHORT.rounds >= 5]).toEqual([true, true]);
  });
});

describe('the report', () => {
  const result: TunnelResult = {
    id: 'tunnel.bulk.up',
    subject: 'hbone',
    peer: 'http2-tuned',
    ratio: 1.254,
    min: 1.1,
    max: 1.4,
    upperQuartile: 1.3,
    rounds: 7,
    metric: 'rate',
    unit: 'byte',
    figures: {
      subject: { megabytesPerSecond: 700.4, cpuSecondsPerGigabyte: 1.9 },
      peer: { megabytesPerSecond: 560, cpuSecondsPerGigabyte: 2.4 },
    },
  };

  test('shows the figure that a ratio is made of, and what was promised', () => {
    expect(renderTunnelTable([result]).split('\n')[1]?.split(/ {2,}/)).toEqual([
      'tunnel.bulk.up',
      '1.25',
      '1.10 - 1.40',
      '1.15, 1.4',
      '700 MB/s',
      '560 MB/s',
      'http2-tuned',
    ]);
  });

  test('is a table in the manual', () => {
    expect(renderTunnelMarkdown([{ ...result, metric: 'cpu' }]).split('\n')[2]).toBe(
      '| `tunnel.bulk.up` | http2-tuned | 1.25 | 1.10 - 1.40 | 1.15, 1.4 | 1.90 CPU s/GB | 2.40 CPU s/GB |',
    );
  });
});
