import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readToken } from '../../../src/config/pem-source.js';
import { helpOf } from '../../../src/config/print.js';
import { effectiveSettings, type RoleName, readSettings, SETTINGS, type Settings } from '../../../src/config.js';

const WAYPOINT = { PROXY_WORKLOAD_INFO: 'shop/waypoint/waypoint', INSTANCE_IP: '127.0.0.9' };

function settingsOf(env: Record<string, string>, role: RoleName = 'ztunnel'): Settings {
  const result = readSettings(role, env);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.settings;
}

function problemsOf(env: Record<string, string>, role: RoleName = 'ztunnel'): readonly string[] {
  const result = readSettings(role, env);
  return result.ok ? [] : result.problems;
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

describe('settings', () => {
  it("has ztunnel's defaults when the environment says nothing", () => {
    const settings = settingsOf({});

    expect(settings).toMatchObject({
      mode: 'shared',
      clusterId: 'Kubernetes',
      trustDomain: 'cluster.local',
      baggage: true,
      poolMaxStreams: 100,
      poolUnusedReleaseMs: 300_000,
      http2StreamWindow: 4_194_304,
      http2ConnectionWindow: 16_777_216,
      http2FrameSize: 1_048_576,
      terminationDeadlineMs: 5_000,
      secretTtlMs: 86_400_000,
      adminAddress: { host: '127.0.0.1', port: 15000 },
    });
  });

  it('reads durations, lists and addresses of both families', () => {
    const settings = settingsOf({
      CONNECTION_TERMINATION_DEADLINE: '1m30s',
      METRICS_ADDRESS: '[::1]:9090',
      SOCKS5_LISTENERS: ' shop/storefront-1@127.0.0.1:15080 , shop/debug@[::1]:15081,',
      OUTBOUND_LISTENERS: 'shop/storefront-1@127.0.0.1:9000=Reviews.shop.svc.cluster.local:80',
      INBOUND_PLAINTEXT_TARGETS: 'shop/storefront-1=8080',
      EXPORTED_SERVICES: 'shop/reviews.shop.svc.cluster.local,data/*,*/*',
    });

    expect(settings.terminationDeadlineMs).toBe(90_000);
    expect(settings.metricsAddress).toEqual({ host: '::1', port: 9090 });
    expect(settings.socks5Listeners.map(({ workload }) => workload.name)).toEqual(['storefront-1', 'debug']);
    expect(settings.socks5Listeners[1]?.address).toEqual({ host: '::1', port: 15081 });
    expect(settings.outboundListeners[0]?.target).toEqual({ host: 'reviews.shop.svc.cluster.local', port: 80 });
    expect(settings.inboundPlaintextTargets[0]?.port).toBe(8080);
    expect(settings.exportedServices).toEqual([
      { namespace: 'shop', hostname: 'reviews.shop.svc.cluster.local' },
      { namespace: 'data', hostname: undefined },
      { namespace: undefined, hostname: undefined },
    ]);
  });

  it.each([
    [{}, 5_000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '30' }, 25_000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '10' }, 9_000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '0' }, 1_000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '30', CONNECTION_TERMINATION_DEADLINE: '2s' }, 2_000],
  ])('waits while draining as ztunnel does: %j gives %d ms', (env, expected) => {
    expect(settingsOf(env).terminationDeadlineMs).toBe(expected);
  });

  it.each([
    ['1', 1],
    ['7', 7],
    ['0', availableParallelism()],
    ['100%', availableParallelism()],
    ['1%', 1],
  ])('reads ZTUNNEL_WORKER_THREADS=%s as ztunnel does', (text, expected) => {
    expect(settingsOf({ ZTUNNEL_WORKER_THREADS: text }).workers).toBe(expected);
  });

  it.each(['257', '101%', '-1', 'many', '1.5'])('refuses ZTUNNEL_WORKER_THREADS=%s', (text) => {
    expect(() => settingsOf({ ZTUNNEL_WORKER_THREADS: text })).toThrow('ZTUNNEL_WORKER_THREADS');
  });

  it.each([
    [{}, 0.5],
    [{ SECRET_GRACE_PERIOD_RATIO: '0.25' }, 0.25],
    [{ SECRET_GRACE_PERIOD_RATIO: '.9444' }, 0.9444],
  ])('renews certificates as early as istio-agent does: %j leaves %d of their life', (env, expected) => {
    expect(settingsOf(env).secretGracePeriodRatio).toBe(expected);
  });

  it.each(['0', '1', '0.0', '-0.5', '50%', '1e-1'])('refuses SECRET_GRACE_PERIOD_RATIO=%s', (text) => {
    expect(() => settingsOf({ SECRET_GRACE_PERIOD_RATIO: text })).toThrow('SECRET_GRACE_PERIOD_RATIO');
  });

  it('reports every problem at once, each with its variable and what is allowed', () => {
    const problems = problemsOf({
      LOG_LEVEL: 'loud',
      SECRET_TTL: '5 minutes',
      ADMIN_ADDRESS: '0.0.0.0:15000',
      POOL_MAX_STREAMS_PER_CONNECTION: '0',
      AMBIENT_ENABLE_BAGGAGE: 'yes',
      SOCKS5_LISTENERS: 'shop/storefront-1@10.0.0.1:15080',
      OUTBOUND_LISTENERS: 'shop/storefront-1@127.0.0.1:9000',
      INBOUND_PLAINTEXT_TARGETS: 'shop/storefront-1=70000',
      EXPORTED_SERVICES: 'shop/reviews,reviews.shop.svc.cluster.local',
      PROXY_MODE: 'dedicated',
      XDS_ROOT_CA: 'no/such/file.pem',
      CA_ADDRESS: 'http://ca.example:80',
    });

    expect(problems).toHaveLength(12);
    expect(problems).toContainEqual(expect.stringMatching(/^XDS_ROOT_CA="no\/such\/file.pem".*SYSTEM/));
    expect(problems).toContainEqual(expect.stringMatching(/^LOG_LEVEL="loud".*trace, debug, info/));
    expect(problems).toContainEqual(expect.stringMatching(/^SECRET_TTL="5 minutes".*1m30s/));
    expect(problems).toContainEqual(expect.stringMatching(/^ADMIN_ADDRESS="0.0.0.0:15000".*loopback/));
    expect(problems).toContainEqual(expect.stringMatching(/^POOL_MAX_STREAMS_PER_CONNECTION="0".*from 1 to/));
    expect(problems).toContainEqual(expect.stringMatching(/^AMBIENT_ENABLE_BAGGAGE="yes".*true or false/));
    expect(problems).toContainEqual(expect.stringMatching(/^SOCKS5_LISTENERS=.*10\.0\.0\.1.*loopback/));
    expect(problems).toContainEqual(expect.stringMatching(/^OUTBOUND_LISTENERS=.*no =service-host:port/));
    expect(problems).toContainEqual(expect.stringMatching(/^INBOUND_PLAINTEXT_TARGETS=.*70000/));
    expect(problems).toContainEqual(expect.stringMatching(/^EXPORTED_SERVICES=.*"reviews\.shop.*namespace\/\*/));
    expect(problems).toContainEqual(expect.stringMatching(/^CA_ADDRESS="http:.*\[https:\/\/\]host:port/));
    expect(problems).toContainEqual(expect.stringMatching(/^PROXY_WORKLOAD_INFO is missing/));
  });

  it('ignores variables it does not know and treats an empty one as unset', () => {
    const settings = settingsOf({ SOME_OTHER_PROGRAM: '!', LOG_LEVEL: '' });

    expect(settings.logLevel).toBe('info');
  });

  it("accepts ztunnel's name for baggage, and refuses two names that disagree", () => {
    const off = settingsOf({ ENABLE_RESPONSE_BAGGAGE: 'false' });
    const problems = problemsOf({ AMBIENT_ENABLE_BAGGAGE: 'true', ENABLE_RESPONSE_BAGGAGE: 'false' });

    expect(off.baggage).toBe(false);
    expect(problems).toEqual([
      'AMBIENT_ENABLE_BAGGAGE and ENABLE_RESPONSE_BAGGAGE are the same setting and disagree; keep one',
    ]);
  });

  it('stands for one workload as waypoint and gateway, named by its pod when nothing else says so', () => {
    const byInfo = settingsOf(WAYPOINT, 'waypoint');
    const byPod = settingsOf(
      { POD_NAMESPACE: 'istio-gateways', POD_NAME: 'gw-1', SERVICE_ACCOUNT: 'gw', INSTANCE_IP: '127.0.0.8' },
      'east-west-gateway',
    );

    expect(byInfo).toMatchObject({ mode: 'dedicated', workload: { name: 'waypoint' } });
    expect(byPod.workload).toEqual({ namespace: 'istio-gateways', name: 'gw-1', serviceAccount: 'gw' });
    expect(problemsOf({}, 'waypoint')).toEqual([
      expect.stringMatching(/^PROXY_WORKLOAD_INFO is missing/),
      expect.stringMatching(/^INSTANCE_IP is missing/),
    ]);
  });

  it('opens the SOCKS5 listener of a dedicated proxy on request, and no listener for another workload', () => {
    const env = { PROXY_MODE: 'dedicated', PROXY_WORKLOAD_INFO: 'shop/storefront-1/storefront' };

    const settings = settingsOf({ ...env, UNSTABLE_ENABLE_SOCKS5: 'true' });
    const problems = problemsOf({ ...env, SOCKS5_LISTENERS: 'shop/other@127.0.0.1:15080' });

    expect(settings.socks5Listeners).toEqual([
      { workload: settings.workload, address: { host: '127.0.0.1', port: 15080 } },
    ]);
    expect(problems).toEqual([expect.stringMatching(/^SOCKS5_LISTENERS names shop\/other/)]);
  });

  it('refuses one listening address for two workloads, because the second would speak as the first', () => {
    const problems = problemsOf({ SOCKS5_LISTENERS: 'shop/a@127.0.0.1:15080,shop/b@127.0.0.1:15080' });

    expect(problems).toEqual([expect.stringMatching(/^127\.0\.0\.1:15080 is named twice/)]);
  });

  it('never prints the token, neither when it is wrong nor when it is right', () => {
    const wrong = problemsOf({ AUTH_TOKEN: '/no/such/secret-token' });
    const right = effectiveSettings(settingsOf({ AUTH_TOKEN: 'eyJhbGciOi' }));

    expect(wrong).toHaveLength(1);
    expect(wrong[0]).not.toContain('secret-token');
    expect(JSON.stringify(right)).not.toContain('eyJ');
    expect(right.authToken).toBe('(secret)');
  });

  it('reads a token file anew for every use, since Kubernetes rotates it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'isthmus-token-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'token');
    writeFileSync(path, 'first\n');
    const { authToken } = settingsOf({ AUTH_TOKEN: path });
    if (!authToken) throw new Error('no token');

    const first = readToken(authToken);
    writeFileSync(path, 'second\n');
    const second = readToken(authToken);

    expect([first, second]).toEqual(['first', 'second']);
  });

  it('documents every row in the help text', () => {
    const help = helpOf(SETTINGS);

    for (const row of Object.values(SETTINGS)) {
      expect(help).toContain(row.env[0]);
      expect(row.doc.length).toBeGreaterThan(20);
    }
  });
});
