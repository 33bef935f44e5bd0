import { request } from 'node:http';
import { Readable } from 'node:stream';
import { createTrust } from '@isthmus/sdk/identity';
import { createScope, silentLogger } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type AdminSources, adminRoutes, loopbackOnly } from '../../../src/admin/admin.js';
import { type Diagnostics, ownDiagnostics } from '../../../src/admin/diagnostics.js';
import { serveHttp } from '../../../src/admin/http.js';
import { metricsRoutes } from '../../../src/admin/metrics.js';
import { createReadiness, readinessRoutes } from '../../../src/admin/readiness.js';
import type { LogLevels } from '../../../src/telemetry/log-levels.js';
import { policy, service, storeOf, workload } from '../../support/model.js';

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

const ANY_PORT = { host: '127.0.0.1', port: 0 };

async function serveAdmin(overrides: Partial<AdminSources> = {}) {
  const calls: string[] = [];
  let levels: LogLevels = { level: 'info', scopes: {} };
  const reviews = workload({
    name: 'reviews-1',
    addresses: ['127.0.1.1'],
    services: new Map([
      ['shop/reviews.shop.svc.cluster.local', [{ servicePort: 80, targetPort: 8080, appProtocol: 'http11' }]],
    ]),
    waypoint: {
      destination: { kind: 'address', address: { network: 'network-1', ip: '127.0.1.9' } },
      hboneMtlsPort: 15008,
    },
  });
  const store = storeOf({
    workloads: [reviews],
    services: [
      service({
        name: 'reviews',
        addresses: [
          { network: 'network-1', ip: '240.0.0.1' },
          { network: 'network-1', ip: '240.1.0.0', length: 16 },
        ],
      }),
    ],
    policies: [
      policy('deny-b', 'deny', {
        principals: [{ kind: 'exact', value: 'cluster.local/ns/b/sa/b' }],
        sourceIps: [{ ip: '10.0.0.0', length: 8 }],
      }),
    ],
  });
  const authority = await createTestAuthority();
  const trust = createTrust();
  trust.set(new Map([['cluster.local', [authority.rootPem]]]));
  const certificate = { ...(await authority.issue('spiffe://cluster.local/ns/shop/sa/reviews')), trust };
  const sources: AdminSources = {
    version: { name: 'isthmus-proxy', version: '0.1.0' },
    config: { network: 'network-1', authToken: '(secret)' },
    snapshot: () => store.snapshot,
    certificates: () => [
      { identity: certificate.identity, state: 'available', certificate },
      { identity: 'spiffe://cluster.local/ns/shop/sa/late', state: 'unavailable', reason: 'no answer' },
    ],
    discovery: () => ({ connected: true }),
    running: () => ({ localWorkloads: [reviews], openConnections: 3 }),
    logLevels: {
      initial: { level: 'info', scopes: {} },
      get: () => levels,
      set: (next) => {
        levels = next;
      },
    },
    gatewaysOutOfService: async () => [],
    workers: () => undefined,
    connections: async () => [
      {
        direction: 'inbound',
        local: { namespace: 'shop', name: 'reviews-1' },
        src: '127.0.1.2:40000',
        originalDst: 'reviews.shop.svc.cluster.local',
        actualDst: '127.0.1.1:8080',
        protocol: 'HBONE',
        peer: 'spiffe://cluster.local/ns/shop/sa/storefront',
        durationMs: 7,
        received: 1,
        sent: 2,
      },
    ],
    diagnosticsOf: (process) => (process === 0 ? ownDiagnostics : undefined),
    drain: () => calls.push('drain'),
    quit: () => calls.push('quit'),
    ...overrides,
  };
  const port = await serveHttp(scope, {
    address: ANY_PORT,
    routes: adminRoutes(sources),
    guard: loopbackOnly,
    log: silentLogger,
  });
  return { url: `http://127.0.0.1:${port}`, port, calls };
}

/** A snapshot that never ends by itself. */
const slow: Diagnostics = {
  cpuProfile: ownDiagnostics.cpuProfile,
  heapSnapshot: () => new Readable({ read() {} }),
};

/** `fetch` does not let a test choose these headers. */
function statusWith(port: number, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/quitquitquit', method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('the admin pages', () => {
  it("dump what the proxy knows in ztunnel's shape", async () => {
    const { url } = await serveAdmin();

    const dump: Record<string, unknown> = JSON.parse(await (await fetch(`${url}/config_dump`)).text());

    expect(dump.workloads).toMatchObject([
      {
        uid: 'east//Pod/shop/reviews-1',
        workloadIps: ['127.0.1.1'],
        protocol: 'HBONE',
        status: 'Healthy',
        waypoint: { destination: 'network-1/127.0.1.9', hboneMtlsPort: 15008 },
        services: { 'shop/reviews.shop.svc.cluster.local': { 80: 8080 } },
      },
    ]);
    expect(dump.services).toMatchObject([
      {
        hostname: 'reviews.shop.svc.cluster.local',
        vips: ['network-1/240.0.0.1'],
        cidrVips: [{ network: 'network-1', cidr: '240.1.0.0/16' }],
        ports: { 80: 8080 },
        endpoints: { 'east//Pod/shop/reviews-1': { port: { 80: 8080 }, status: 'Healthy' } },
      },
    ]);
    expect(dump.policies).toMatchObject([
      {
        name: 'deny-b',
        scope: 'Namespace',
        action: 'Deny',
        rules: [[[{ principals: [{ Exact: 'cluster.local/ns/b/sa/b' }], sourceIps: ['10.0.0.0/8'] }]]],
      },
    ]);
    expect(dump).toMatchObject({
      openConnections: 3,
      localWorkloads: ['east//Pod/shop/reviews-1'],
      discovery: { connected: true },
      workloadState: {
        'east//Pod/shop/reviews-1': {
          state: 'Up',
          connections: {
            inbound: [
              {
                src: '127.0.1.2:40000',
                originalDst: 'reviews.shop.svc.cluster.local',
                actualDst: '127.0.1.1:8080',
                protocol: 'HBONE',
              },
            ],
            outbound: [],
          },
          info: { name: 'reviews-1', namespace: 'shop' },
        },
      },
    });
  });

  it('list connections with their bytes, and certificates', async () => {
    const { url } = await serveAdmin();

    const connections = await (await fetch(`${url}/connections`)).json();
    const certificates = await (await fetch(`${url}/certificates`)).json();

    expect(connections).toMatchObject([{ direction: 'inbound', received: 1, sent: 2 }]);
    expect(certificates).toMatchObject([{ state: 'Unavailable: no answer' }, { state: 'Available' }]);
  });

  it('take a CPU profile, one at a time', async () => {
    const { url } = await serveAdmin();

    const [first, second] = await Promise.all([
      fetch(`${url}/debug/pprof/profile?seconds=1&frequency=1000`),
      fetch(`${url}/debug/pprof/profile?seconds=1`),
    ]);

    expect([first.status, second.status].sort()).toEqual([200, 409]);
    const taken = first.status === 200 ? first : second;
    expect(taken.headers.get('content-disposition')).toContain('.cpuprofile');
    expect(await taken.json()).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) });
  });

  it.each(['seconds=0', 'seconds=301', 'seconds=x', 'frequency=1001', 'worker=-1'])(
    'refuse a profile with %s',
    async (query) => {
      const { url } = await serveAdmin();

      const response = await fetch(`${url}/debug/pprof/profile?${query}`);

      expect(response.status).toBe(400);
    },
  );

  it('stream a heap snapshot, one at a time, and the next when its reader is done or gone', async () => {
    const { url } = await serveAdmin({ diagnosticsOf: () => slow });
    const reader = new AbortController();

    const first = await fetch(`${url}/debug/pprof/heap`, { signal: reader.signal });
    const second = await fetch(`${url}/debug/pprof/heap`);
    reader.abort();
    await expect.poll(async () => (await fetch(`${url}/debug/pprof/heap`, { method: 'HEAD' })).status).toBe(200);

    expect([first.status, second.status]).toEqual([200, 409]);
  });

  it('answer 404 for a worker there is not', async () => {
    const { url } = await serveAdmin();

    const response = await fetch(`${url}/debug/pprof/heap?worker=3`);

    expect(response.status).toBe(404);
  });

  it('show certificates with their state, and never a key', async () => {
    const { url } = await serveAdmin();

    const text = await (await fetch(`${url}/config_dump`)).text();

    const { certificates } = JSON.parse(text);
    expect(certificates).toMatchObject([
      { identity: expect.stringContaining('/sa/late'), state: 'Unavailable: no answer', certChain: [] },
      { identity: expect.stringContaining('/sa/reviews'), state: 'Available' },
    ]);
    const [leaf] = certificates[1].certChain;
    const [root] = certificates[1].rootCerts;
    expect(certificates[1].trustBundles).toEqual({ 'cluster.local': [root.serialNumber] });
    expect(Buffer.from(leaf.pem, 'base64').toString()).toContain('BEGIN CERTIFICATE');
    expect(leaf.serialNumber).toMatch(/^\d+$/);
    expect(leaf.expirationTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const decoded = text.replace(/"pem": "([^"]+)"/g, (_, pem) => Buffer.from(pem, 'base64').toString());
    expect(decoded).not.toMatch(/PRIVATE KEY/);
  });

  it('tell, set and reset the log level, and refuse one that does not exist', async () => {
    const { url } = await serveAdmin();
    const post = async (path: string) => {
      const response = await fetch(`${url}${path}`, { method: 'POST' });
      return [response.status, (await response.text()).trim()];
    };

    expect(await post('/logging')).toEqual([200, 'current log level is info']);
    expect(await post('/logging?level=debug')).toEqual([200, 'current log level is debug']);
    expect(await post('/logging?level=info,xds:trace')).toEqual([200, 'current log level is info,xds=trace']);
    expect(await (await fetch(`${url}/logging`)).text()).toBe('current log level is info,xds=trace\n');
    expect(await post('/logging?level=loud')).toEqual([400, expect.stringContaining('trace, debug')]);
    expect(await post('/logging?reset')).toEqual([200, 'current log level is info']);
  });

  it('drain and quit on POST only', async () => {
    const { url, calls } = await serveAdmin();

    const got = await fetch(`${url}/quitquitquit`);
    await fetch(`${url}/drain`, { method: 'POST' });
    await fetch(`${url}/quitquitquit`, { method: 'POST' });

    expect(got.status).toBe(405);
    expect(got.headers.get('allow')).toBe('POST');
    expect(calls).toEqual(['drain', 'quit']);
  });

  it('are out of reach for a web page, whether it rebinds a name or posts across sites', async () => {
    const { port, calls } = await serveAdmin();

    const statuses = [
      await statusWith(port, { host: 'attacker.example' }),
      await statusWith(port, { host: `127.0.0.1:${port}`, origin: 'https://attacker.example' }),
      await statusWith(port, { host: `127.0.0.1:${port}`, 'sec-fetch-site': 'cross-site' }),
    ];

    expect(statuses).toEqual([403, 403, 403]);
    expect(calls).toEqual([]);
  });

  it('list themselves, and answer 404 to the rest', async () => {
    const { url } = await serveAdmin();

    const index = await (await fetch(`${url}/`)).text();
    const missing = await fetch(`${url}/nothing`);

    expect(index).toContain('/config_dump');
    expect(index).toContain('/quitquitquit');
    expect(missing.status).toBe(404);
  });

  it('answer 500 and live on when a source fails', async () => {
    const { url } = await serveAdmin({
      discovery: () => {
        throw new Error('broken');
      },
    });

    const broken = await fetch(`${url}/config_dump`);
    const after = await fetch(`${url}/`);

    expect([broken.status, after.status]).toEqual([500, 200]);
    expect(await broken.text()).not.toContain('broken');
  });
});

describe('readiness', () => {
  it('names what is pending until the last guard is gone', async () => {
    const readiness = createReadiness();
    const port = await serveHttp(scope, { address: ANY_PORT, routes: readinessRoutes(readiness), log: silentLogger });
    const releaseSync = readiness.hold('xds sync');
    const releaseRole = readiness.hold('role');
    const get = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/healthz/ready`);
      return [response.status, await response.text()];
    };

    const both = await get();
    releaseRole();
    const one = await get();
    releaseSync();
    const none = await get();
    readiness.hold('draining');

    expect(both).toEqual([500, 'not ready, pending: role, xds sync\n']);
    expect(one).toEqual([500, 'not ready, pending: xds sync\n']);
    expect(none).toEqual([200, 'ready\n']);
    expect(await get()).toEqual([500, 'not ready, pending: draining\n']);
  });
});

describe('the metrics page', () => {
  it('is served under both of its names', async () => {
    const port = await serveHttp(scope, {
      address: ANY_PORT,
      routes: metricsRoutes(async () => 'a 1\n'),
      log: silentLogger,
    });

    const pages = await Promise.all(
      ['/metrics', '/stats/prometheus'].map((path) => fetch(`http://127.0.0.1:${port}${path}`)),
    );

    expect(await Promise.all(pages.map((page) => page.text()))).toEqual(['a 1\n', 'a 1\n']);
    expect(pages[0]?.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('is compressed for those who ask', async () => {
    const long = 'a_metric_with_a_long_name 1\n'.repeat(1_000);
    const port = await serveHttp(scope, {
      address: ANY_PORT,
      routes: metricsRoutes(async () => long),
      log: silentLogger,
    });
    const get = (encoding: string) =>
      fetch(`http://127.0.0.1:${port}/metrics`, { headers: { 'accept-encoding': encoding } });

    const [packed, plain, refused] = await Promise.all([get('gzip, br'), get('identity'), get('gzip;q=0')]);

    expect([packed, plain, refused].map(({ headers }) => headers.get('content-encoding'))).toEqual([
      'gzip',
      null,
      null,
    ]);
    expect(await Promise.all([packed, plain, refused].map((page) => page.text()))).toEqual([long, long, long]);
  });
});
