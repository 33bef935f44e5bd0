import { connect } from 'node:tls';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { createTestAuthority, type TestAuthority } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../../../src/app.js';
import { ROLES } from '../../../src/roles/index.js';
import { startTestControlPlane, type TestControlPlane } from '../../support/control-plane.js';
import { reserveBlock } from '../../support/loopback.js';
import { settingsFor } from '../../support/proxy.js';
import { connectTo, exchange, serveEcho } from '../../support/tcp.js';
import { collectLines, parseMetrics } from '../../support/telemetry.js';
import { addressesOf, eastRecords } from '../../support/two-clusters.js';

const ADDRESSES = addressesOf(await reserveBlock());
const LISTENER = { host: ADDRESSES.capture, port: 9080 };

let scope: Scope;
let authority: TestAuthority;
let plane: TestControlPlane;
beforeEach(async () => {
  scope = createScope();
  authority = await createTestAuthority();
});
afterEach(() => scope.close());

async function startPlane(
  records: Parameters<typeof startTestControlPlane>[0]['records'],
  more: Pick<Parameters<typeof startTestControlPlane>[0], 'port' | 'bearer'> = {},
): Promise<TestControlPlane> {
  plane = await startTestControlPlane({
    authority,
    host: ADDRESSES.controlPlane,
    ...(records && { records }),
    ...more,
  });
  scope.own(() => plane.stop());
  return plane;
}

async function start(env: Record<string, string> = {}) {
  const quits: string[] = [];
  const output = collectLines();
  const settings = settingsFor('ztunnel', {
    CLUSTER_ID: 'east',
    NETWORK: 'network-1',
    NODE_NAME: 'node-a',
    XDS_ADDRESS: `https://${ADDRESSES.controlPlane}:${plane.port}`,
    XDS_ROOT_CA: plane.roots,
    AUTH_TOKEN: 'a-token-nobody-should-see',
    ADMIN_ADDRESS: '127.0.0.1:0',
    METRICS_ADDRESS: '127.0.0.1:0',
    READINESS_ADDRESS: '127.0.0.1:0',
    LOG_FORMAT: 'json',
    OUTBOUND_LISTENERS: `shop/storefront@${LISTENER.host}:${LISTENER.port}=ratings:80`,
    ...env,
  });
  const app = await startApp(scope, {
    settings,
    role: ROLES.ztunnel,
    version: '0.0.0',
    stdout: output.stream,
    quit: () => quits.push('quit'),
  });
  const url = (page: keyof App['ports'], path: string) => `http://127.0.0.1:${app.ports[page]}${path}`;
  return {
    app,
    quits,
    url,
    output,
    ready: () => fetch(url('readiness', '/healthz/ready')).then((page) => page.text()),
  };
}

async function callRatings(text: string): Promise<string> {
  return exchange(await connectTo(scope, LISTENER.host, LISTENER.port), text);
}

describe('a proxy with its control plane', () => {
  it('is ready after the first sync and not before, then carries traffic with certificates of its CA', async () => {
    await startPlane(undefined);
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { app, ready, url } = await start();

    const before = await ready();
    plane.send(eastRecords(ADDRESSES));
    await app.ready;

    expect(before).toBe('not ready, pending: first sync\n');
    expect(await ready()).toBe('ready\n');
    expect(await callRatings('hello')).toBe('hello');
    expect(new Set(plane.tokens)).toEqual(new Set(['Bearer a-token-nobody-should-see']));
    await expect
      .poll(async () =>
        metric(await (await fetch(url('metrics', '/metrics'))).text(), 'istio_tcp_connections_closed_total'),
      )
      .toHaveLength(2);
    const text = await (await fetch(url('metrics', '/stats/prometheus'))).text();
    expect(metric(text, 'istio_xds_message_total')).toHaveLength(2);
    expect(metric(text, 'process_cpu_seconds_total')).toHaveLength(1);
    expect(metric(text, 'isthmus_proxy_info')[0]?.labels).toMatchObject({ role: 'ztunnel', cluster: 'east' });
  });

  it('shows its configuration without keys and tokens', async () => {
    await startPlane(eastRecords(ADDRESSES));
    const { app, url } = await start();
    await app.ready;
    await expect
      .poll(async () => (await dumpOf(url)).certificates.map(({ state }) => state))
      .toEqual(['Available', 'Available']);

    const text = await (await fetch(url('admin', '/config_dump'))).text();

    const decoded = text.replace(/"pem": "([^"]+)"/g, (_, pem) => Buffer.from(pem, 'base64').toString());
    expect(decoded).toContain('BEGIN CERTIFICATE');
    expect(decoded).not.toMatch(/PRIVATE KEY|a-token-nobody-should-see/);
    expect(await dumpOf(url)).toMatchObject({
      localWorkloads: ['east//Pod/shop/ratings', 'east//Pod/shop/storefront'],
      config: { network: 'network-1', authToken: '(secret)' },
      discovery: { connected: true },
    });
  });

  it('goes on serving while the control plane is away, and follows it when it is back', async () => {
    await startPlane(eastRecords(ADDRESSES));
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { app, url, ready } = await start();
    await app.ready;
    expect(await callRatings('before')).toBe('before');

    plane.stop();
    await expect.poll(async () => (await dumpOf(url)).discovery.connected).toBe(false);
    const during = await callRatings('while it is away');
    const readyDuring = await ready();
    const records = eastRecords(ADDRESSES);
    await startPlane(
      { ...records, services: records.services.filter(({ name }) => name !== 'ratings') },
      { port: plane.port },
    );

    expect([during, readyDuring]).toEqual(['while it is away', 'ready\n']);
    await expect.poll(async () => (await dumpOf(url)).discovery.connected).toBe(true);
  });

  it('in dedicated mode is the workload it is told to be, and asks for its certificate as itself', async () => {
    const bearer = 'spiffe://cluster.local/ns/shop/sa/storefront';
    await startPlane(eastRecords(ADDRESSES), { bearer });
    const { app, url, ready } = await start({
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: 'shop/storefront/storefront',
      SECRET_TTL: '1h',
      CA_HEADER_X_Tenant: 'red',
    });
    await app.ready;

    expect(await ready()).toBe('ready\n');
    expect(plane.certificateRequests).toEqual([{ impersonated: undefined, ttlSeconds: 3_600, tenant: 'red' }]);
    expect(await dumpOf(url)).toMatchObject({
      localWorkloads: ['east//Pod/shop/storefront'],
      certificates: [{ identity: bearer }],
    });
  });

  it.each([
    [{}, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
    [{ TLS12_ENABLED: 'true' }, 'TLSv1.2'],
    [{ TLS12_ENABLED: 'true', COMPLIANCE_POLICY: 'fips-140-2' }, 'TLSv1.2'],
  ])('with %j meets a peer that speaks TLS 1.2 with: %s', async (env, outcome) => {
    await startPlane(eastRecords(ADDRESSES));
    const { app } = await start(env as Record<string, string>);
    await app.ready;
    const identity = await authority.issuePem('spiffe://cluster.local/ns/shop/sa/storefront');
    const tls = connect({
      ...identity,
      host: ADDRESSES.ratings,
      port: 15008,
      maxVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });

    const met = await new Promise((resolve) => {
      tls.once('secureConnect', () => resolve(tls.getProtocol()));
      tls.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
    });
    tls.destroy();

    expect(met).toBe(outcome);
  });

  it('reports connections of long while they are open, and forgets series that nobody touched for long', async () => {
    await startPlane(eastRecords(ADDRESSES));
    await serveEcho(scope, ADDRESSES.ratings, 8080);
    const { app, url, output } = await start({ ACCESS_LOG_INTERVAL: '20ms', METRICS_IDLE_TIMEOUT: '20ms' });
    await app.ready;
    const opened = async () =>
      metric(await (await fetch(url('metrics', '/metrics'))).text(), 'istio_tcp_connections_opened_total');
    const logged = (message: string) => output.lines().filter((line) => line.includes(`"message":"${message}"`)).length;
    const socket = await connectTo(scope, LISTENER.host, LISTENER.port);
    socket.write('hello');

    await expect.poll(opened).toHaveLength(2);
    const before = logged('connection ongoing');
    // A line of each end per interval, so the series have been idle for that long.
    await expect.poll(() => logged('connection ongoing')).toBeGreaterThan(before + 4);
    const whileOpen = await opened();
    socket.end();
    socket.resume();
    await expect.poll(() => logged('connection complete')).toBe(2);

    expect(whileOpen).toHaveLength(2);
    await expect.poll(opened).toEqual([]);
  });

  it('drains on request: unready, nothing new is accepted, the process stays until it is told to quit', async () => {
    await startPlane(eastRecords(ADDRESSES));
    const { app, url, ready, quits } = await start();
    await app.ready;

    await fetch(url('admin', '/drain'), { method: 'POST' });
    const refused = await connectTo(scope, LISTENER.host, LISTENER.port).then(
      () => 'accepted',
      (error) => error.code,
    );
    await fetch(url('admin', '/quitquitquit'), { method: 'POST' });

    expect(await ready()).toBe('not ready, pending: draining\n');
    expect(refused).toBe('ECONNREFUSED');
    expect(quits).toEqual(['quit']);
    expect(await app.drain.start()).toBe('idle');
  });

  it('names the setting when a page cannot be bound, or a listener', async () => {
    await startPlane(eastRecords(ADDRESSES));
    const first = await start();
    await first.app.ready;

    const page = start({ METRICS_ADDRESS: `127.0.0.1:${first.app.ports.metrics}`, OUTBOUND_LISTENERS: '' });
    const listener = start().then(({ app }) => app.ready);

    await expect(page).rejects.toThrow(/^METRICS_ADDRESS: .*EADDRINUSE/);
    await expect(listener).rejects.toThrow(/OUTBOUND_LISTENERS.*EADDRINUSE/);
  });
});

function metric(text: string, name: string) {
  return parseMetrics(text).filter((sample) => sample.name === name);
}

async function dumpOf(url: (page: 'admin', path: string) => string): Promise<{
  certificates: { state: string }[];
  discovery: { connected: boolean };
}> {
  return JSON.parse(await (await fetch(url('admin', '/config_dump'))).text());
}
