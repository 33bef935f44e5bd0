import {
  BOTH_ENDS,
  connectBySocks5,
  EXPECTED,
  getBySocks5,
  type Lab,
  linesBySocks5,
  matches,
  type RunResult,
  runOnce,
  serviceAddress,
  silentProgress,
  socks5Entry,
  startLab,
} from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../support/payload.js';
import { until } from '../support/wait.js';

let lab: Lab;
let result: RunResult;

beforeAll(async () => {
  lab = await startLab();
  result = await runOnce(lab, 24, silentProgress, new AbortController().signal);
});

afterAll(async () => {
  await lab?.close();
});

describe('two networks with baggage', () => {
  it('answer every call', () => {
    expect(result.failures).toEqual([]);
  });

  it.each([...new Set(EXPECTED.map(({ path }) => path))])(
    '%s: every reporter names both ends with the right cluster',
    (path) => {
      const seen = EXPECTED.filter((expected) => expected.path === path).map((expected) => ({
        proxy: expected.proxy,
        series: result.series.filter((series) => matches(expected, series)),
      }));

      for (const { proxy, series } of seen) {
        expect(series, proxy).not.toEqual([]);
        for (const { labels } of series) for (const label of BOTH_ENDS) expect(labels[label]).not.toBe('unknown');
      }
    },
  );

  it('leave no label of any series unknown or wrong', () => {
    expect(result.unknown).toEqual([]);
    expect(result.wrong).toEqual([]);
    expect(result.ok).toBe(true);
  });

  it('report the principals that certificates proved', () => {
    const principals = result.series.flatMap(({ labels }) => [labels.source_principal, labels.destination_principal]);

    for (const principal of principals) expect(principal).toMatch(/^spiffe:\/\/cluster\.local\/ns\/shop\/sa\/[a-z-]+$/);
  });
});

describe('names through SOCKS5, as curl --socks5-hostname uses them', () => {
  it.each(['reviews', 'ratings'])('reach %s from east', async (service) => {
    const answer = await getBySocks5(socks5Entry(lab.world, 'east'), serviceAddress(service), `/${service}/42`);

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ product: '42' });
  });

  it.each(['ratings.shop', 'ratings.shop.svc', 'ratings.shop.svc.cluster.local'])('may be written %s', async (host) => {
    const answer = await getBySocks5(socks5Entry(lab.world, 'east'), { host, port: 9080 }, '/ratings/1');

    expect(JSON.parse(answer.body)).toMatchObject({ servedBy: { cluster: 'west' } });
  });

  it('reach reviews of both clusters through one waypoint', async () => {
    const entry = socks5Entry(lab.world, 'east');
    const clusters = new Set<string>();

    await until('answers of both clusters', async () => {
      const { body } = await getBySocks5(entry, serviceAddress('reviews'), '/reviews/1');
      clusters.add((JSON.parse(body) as { servedBy: { cluster: string } }).servedBy.cluster);
      return clusters.size === 2 || undefined;
    });

    expect(clusters).toEqual(new Set(['east', 'west']));
  });
});

describe('a service that is not exported', () => {
  it('is refused from the other network', async () => {
    const attempt = linesBySocks5(socks5Entry(lab.world, 'east'), serviceAddress('audit'), 'COUNT');

    await expect(attempt).rejects.toThrow(/audit\.shop:9500/);
  });

  it('answers in its own', async () => {
    const answer = await linesBySocks5(socks5Entry(lab.world, 'west'), serviceAddress('audit'), 'COUNT');

    expect(answer).toMatch(/^OK \d+ west\/ledger-v1/);
  });
});

describe('15 MB both ways at once over 8 tunnels', () => {
  it.each([
    ['nested, across the networks', 'east'],
    ['single, inside one network', 'west'],
  ] as const)('arrive whole with half-close: %s', async (_, from) => {
    const entry = socks5Entry(lab.world, from);

    const exchanges = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const socket = await connectBySocks5(entry, serviceAddress('ledger'));
        socket.write('MIRROR\n');
        const done = await exchange(socket, BULK_BYTES, 1_000 + index);
        socket.destroy();
        return done;
      }),
    );

    for (const { sentBytes, sentHash, receivedBytes, receivedHash } of exchanges) {
      expect(receivedBytes).toBe(sentBytes);
      expect(receivedHash).toBe(sentHash);
    }
    expect(new Set(exchanges.map(({ sentHash }) => sentHash)).size).toBe(8);
  });
});

const BULK_BYTES = 15 * 1024 * 1024;
