import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  connectBySocks5,
  FAILED,
  getBySocks5,
  grpcBySocks5,
  type Lab,
  linesBySocks5,
  listRequest,
  REQUESTS,
  serviceAddress,
  serviceHostname,
  socks5Entry,
  startLab,
} from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLog, type LogLine, lineWith, logLines } from '../support/access-log.js';
import { seriesWith } from '../support/metrics.js';
import { until } from '../support/wait.js';

const WEST_GATEWAY = 'west/istio-eastwestgateway';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
});

afterAll(async () => {
  await lab?.close();
});

const ledgerFromEast = () => linesBySocks5(socks5Entry(lab.world, 'east'), serviceAddress('ledger'), 'ADD e2e');
const recommendFromEast = () =>
  grpcBySocks5(
    socks5Entry(lab.world, 'east'),
    serviceAddress('recommendations'),
    '/shop.v1.Recommendations/List',
    listRequest('1'),
  );

/** Until the ledger can be called from east: a change has arrived, or a process is back. */
const untilLedgerAnswers = () =>
  until('the ledger from east', async () => (await ledgerFromEast()).startsWith('OK ') || undefined, 40_000);

const untilLedgerIsRefused = () =>
  until(
    'a refusal of the ledger',
    async () => {
      const answer = await ledgerFromEast().catch(() => '');
      return answer === '' || undefined;
    },
    40_000,
  );

function manifest(cluster: 'east' | 'west', file: string): string {
  return join(lab.files.manifests({ id: cluster }), file);
}

/** Whether east's ztunnel has the service in its configuration. */
async function knownToEast(service: string): Promise<boolean> {
  const dump = await fetch(`http://${lab.world.clusters.east.ztunnel.ip}:15000/config_dump`);
  const { services } = (await dump.json()) as { services: readonly { hostname: string }[] };
  return services.some(({ hostname }) => hostname === serviceHostname(service));
}

/** Lines of the proxy's access log from now on; what it logged in another test is not found instead. */
function linesFrom(proxy: string): () => readonly LogLine[] {
  const before = accessLog(lab, proxy).length;
  return () => accessLog(lab, proxy).slice(before);
}

/** Everything that runs now, so that a test can show that nothing was restarted. */
function pids(): readonly number[] {
  return lab.processes.list().map(({ pid }) => pid);
}

describe('the east-west gateway of west is cut', () => {
  it('fails with a reason in the access log and the metrics, and heals without restarts', async () => {
    await ledgerFromEast();
    await recommendFromEast();
    const others = pids().filter((pid) => pid !== lab.processes.get(WEST_GATEWAY).pid);
    const since = linesFrom('east/ztunnel');

    await lab.kill(WEST_GATEWAY);

    const attempt = ledgerFromEast();
    await expect(attempt).rejects.toThrow(/ledger\.shop:9400/);
    const line = await until('a line in the access log', () =>
      since().find((each) => String(each['dst.service']).startsWith('ledger.') && each.error !== undefined),
    );
    expect(line.error).toMatch(/refused|dropped|unreachable|CONNECT_FAILED/i);
    expect(line).toMatchObject({ direction: 'outbound', 'src.namespace': 'shop' });

    await expect(recommendFromEast()).resolves.not.toMatchObject({ status: 0 });

    await seriesWith(lab, {
      proxy: 'east/ztunnel',
      metric: FAILED,
      labels: { destination_service_name: 'ledger', response_flags: 'CONNECT' },
    });
    await seriesWith(lab, {
      proxy: 'east/waypoint',
      metric: REQUESTS,
      labels: { destination_service_name: 'recommendations', response_flags: 'UF' },
    });

    await lab.start(WEST_GATEWAY);
    await untilLedgerAnswers();
    await until('recommendations from east', async () => (await recommendFromEast()).status === 0 || undefined);
    expect(pids().filter((pid) => pid !== lab.processes.get(WEST_GATEWAY).pid)).toEqual(others);
  });

  it('ends what is under way, with a reason', async () => {
    const socket = await connectBySocks5(socks5Entry(lab.world, 'east'), serviceAddress('ledger'));
    socket.on('error', () => {});
    socket.write('MIRROR\nhello');
    await once(socket, 'data');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const since = linesFrom('east/ztunnel');

    await lab.kill(WEST_GATEWAY);
    // The lab's sockets stay half-open at an orderly end; this end is what the test asks for.
    socket.on('end', () => socket.end());
    await closed;

    const line = await lineWith(since, { fault: 'TUNNEL_LOST' });
    expect(line).toMatchObject({ direction: 'outbound', bytes_sent: 12, bytes_recv: 5, error: expect.any(String) });
    await lab.start(WEST_GATEWAY);
    await untilLedgerAnswers();
  });

  it('leaves what is near served', async () => {
    await lab.kill(WEST_GATEWAY);

    const answer = await linesBySocks5(socks5Entry(lab.world, 'west'), serviceAddress('ledger'), 'COUNT');

    expect(answer).toMatch(/^OK /);
    await lab.start(WEST_GATEWAY);
    await untilLedgerAnswers();
  });
});

describe('policy', () => {
  it('denies live, with the policy in the access log of the destination, and allows again', async () => {
    const file = manifest('west', 'policy.yaml');
    const allowed = readFileSync(file, 'utf8');
    await ledgerFromEast();
    const since = linesFrom('west/ztunnel');

    writeFileSync(file, `${allowed}---\n${DENY_LEDGER}`);
    await untilLedgerIsRefused();

    const denied = await until('a line in the access log', () =>
      since().find(({ error }) => String(error).includes('no-ledger')),
    );
    expect(denied).toMatchObject({ direction: 'inbound' });
    await seriesWith(lab, { proxy: 'west/ztunnel', metric: FAILED, labels: { response_flags: 'DENY' } });

    writeFileSync(file, allowed);
    await untilLedgerAnswers();
  });
});

describe('a broken file', () => {
  it('is reported with file and line, leaves the last good state live, and is taken when mended', async () => {
    const file = manifest('east', 'services.yaml');
    const good = readFileSync(file, 'utf8');

    writeFileSync(file, good.slice(0, Math.floor(good.length / 2)).concat('\n  broken: [unclosed'));
    const report = await until('a report of the control plane', () =>
      logLines(lab, 'east/control-plane').find(
        ({ level, message }) => level === 'error' && /services\.yaml:\d+/.test(String(message)),
      ),
    );
    const during = await getBySocks5(socks5Entry(lab.world, 'east'), serviceAddress('reviews'), '/reviews/1');

    expect(report.message).toMatch(/services\.yaml:\d+/);
    expect(during.status).toBe(200);
    expect(await knownToEast('reviews')).toBe(true);
    expect(await knownToEast('extra')).toBe(false);

    writeFileSync(file, `${good}---\n${EXTRA_SERVICE}`);
    await until('the mended state at the ztunnel', async () => (await knownToEast('extra')) || undefined);
    const after = await getBySocks5(socks5Entry(lab.world, 'east'), serviceAddress('reviews'), '/reviews/1');
    expect(after.status).toBe(200);
  });
});

describe('the control plane of west goes away', () => {
  it('does not disturb traffic, and what changed meanwhile arrives when it is back', async () => {
    const file = manifest('west', 'policy.yaml');
    const allowed = readFileSync(file, 'utf8');
    await lab.kill('west/control-plane');

    for (let round = 0; round < 5; round++) {
      expect(await ledgerFromEast()).toMatch(/^OK /);
      const { status } = await getBySocks5(socks5Entry(lab.world, 'west'), serviceAddress('reviews'), '/reviews/1');
      expect(status).toBe(200);
    }

    writeFileSync(file, `${allowed}---\n${DENY_LEDGER}`);
    expect(await ledgerFromEast()).toMatch(/^OK /);
    await lab.start('west/control-plane');
    await untilLedgerIsRefused();

    writeFileSync(file, allowed);
    await untilLedgerAnswers();
  });
});

describe('the control plane of east starts anew while that of west is away', () => {
  it('serves what west exported last, so that no proxy loses it, and goes on with west when it is back', async () => {
    await lab.kill('west/control-plane');
    await lab.kill('east/control-plane');

    await lab.start('east/control-plane');
    const served = await untilEastShows(({ proxies }) => {
      return proxies.some(
        ({ node, types }) => node.role === 'ztunnel' && types.every(({ state }) => state === 'synced'),
      );
    });

    expect(served.peers).toMatchObject([{ cluster: 'west', state: 'stale', from: 'disk' }]);
    expect(await knownToEast('ledger')).toBe(true);
    expect(await ledgerFromEast()).toMatch(/^OK /);

    await lab.start('west/control-plane');
    await untilEastShows(({ peers }) => peers.every(({ state }) => state === 'live'));
    expect(await ledgerFromEast()).toMatch(/^OK /);
  });
});

interface PlaneStatus {
  readonly peers: readonly { readonly state: string }[];
  readonly proxies: readonly {
    readonly node: { readonly role: string };
    readonly types: readonly { readonly state: string }[];
  }[];
}

/** The status page of east's control plane, once it is as wanted. */
function untilEastShows(isWanted: (status: PlaneStatus) => boolean): Promise<PlaneStatus> {
  return until('the status of east', async () => {
    const page = await fetch(`http://${lab.world.clusters.east.controlPlaneIp}:15014/debug/status`);
    const status = (await page.json()) as PlaneStatus;
    return isWanted(status) ? status : undefined;
  });
}

const DENY_LEDGER = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: no-ledger
  namespace: shop
spec:
  selector:
    matchLabels:
      app: ledger
  action: DENY
  rules:
    - from:
        - source:
            principals: ["cluster.local/ns/shop/sa/storefront"]
      to:
        - operation:
            ports: ["9401"]
`;

const EXTRA_SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: extra
  namespace: shop
spec:
  selector: { app: extra }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
`;
