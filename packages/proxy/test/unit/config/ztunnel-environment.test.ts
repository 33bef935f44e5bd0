/**
 * The environment of a ztunnel starts this proxy (hbone.md 6.2, xds.md 2.11): each variable has its effect here, or is
 * said to have none and why.
 */
import { describe, expect, it } from 'vitest';
import { WITHOUT_EFFECT } from '../../../src/config/environment.js';
import { effectiveSettings, type RoleName, readSettings, SETTINGS, type Settings } from '../../../src/config.js';

/** As Istio's chart sets them on the ztunnel DaemonSet, with values of a cluster of two nodes. */
const HELM = {
  CA_ADDRESS: 'istiod.istio-system.svc:15012',
  XDS_ADDRESS: 'istiod.istio-system.svc:15012',
  NETWORK: 'network-1',
  RUST_LOG: 'info',
  RUST_BACKTRACE: '1',
  ISTIO_META_CLUSTER_ID: 'east',
  INPOD_ENABLED: 'true',
  TERMINATION_GRACE_PERIOD_SECONDS: '30',
  POD_NAME: 'ztunnel-7x2kq',
  POD_NAMESPACE: 'istio-system',
  NODE_NAME: 'node-a',
  INSTANCE_IP: '10.1.0.7',
  SERVICE_ACCOUNT: 'ztunnel',
  ZTUNNEL_CPU_LIMIT: '2',
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  KUBERNETES_SERVICE_PORT: '443',
};

/** Every variable ztunnel reads by its own name (hbone.md 6.2), with a value it takes. */
const ZTUNNEL = {
  ...HELM,
  ENABLE_PROXY: 'true',
  PROXY_MODE: 'shared',
  PROXY_WORKLOAD_INFO: 'shop/storefront/storefront',
  CLUSTER_ID: 'east',
  CLUSTER_DOMAIN: 'cluster.local',
  XDS_ROOT_CA: 'SYSTEM',
  CA_ROOT_CA: 'SYSTEM',
  ALT_XDS_HOSTNAME: 'istiod.example.com',
  ALT_CA_HOSTNAME: 'istiod.example.com',
  FAKE_CA: 'false',
  SECRET_TTL: '24h',
  AUTH_TOKEN: 'token',
  LOCAL_XDS: 'workloads: []',
  XDS_ON_DEMAND: 'true',
  PREFERED_SERVICE_NAMESPACE: 'shop',
  UNSTABLE_ENABLE_SOCKS5: 'false',
  ENABLE_ORIG_SRC: 'false',
  PACKET_MARK: '1337',
  INPOD_UDS: '/var/run/ztunnel/ztunnel.sock',
  INPOD_PORT_REUSE: 'true',
  LOCALHOST_APP_TUNNEL: 'true',
  ENABLE_RESPONSE_BAGGAGE: 'true',
  CRL_PATH: '/var/run/secrets/istio/crl/ca-crl.pem',
  IPV6_ENABLED: 'true',
  POOL_MAX_STREAMS_PER_CONNECTION: '100',
  POOL_UNUSED_RELEASE_TIMEOUT: '5m',
  HTTP2_STREAM_WINDOW_SIZE: '4194304',
  HTTP2_CONNECTION_WINDOW_SIZE: '16777216',
  HTTP2_FRAME_SIZE: '1048576',
  KEEPALIVE_TIME: '180s',
  KEEPALIVE_INTERVAL: '180s',
  KEEPALIVE_RETRIES: '9',
  KEEPALIVE_ENABLED: 'true',
  USER_TIMEOUT_ENABLED: 'false',
  CONNECTION_TERMINATION_DEADLINE: '5s',
  ZTUNNEL_WORKER_THREADS: '1',
  ZTUNNEL_RESOURCE_CPU_LIMIT: '2',
  ZTUNNEL_RESOURCE_CPU_REQUEST: '1',
  PROXY_CONFIG: '{"discoveryAddress":"istiod.istio-system.svc:15012","proxyMetadata":{"ISTIO_META_A":"1"}}',
  TRUST_DOMAIN: 'cluster.local',
  ISTIO_META_DNS_CAPTURE: 'true',
  ISTIO_META_DNS_PROXY_ADDR: 'localhost:15053',
  LOG_FORMAT: 'json',
  AUTHZ_POLICY_INFO_LOGGING: 'true',
  TLS12_ENABLED: 'false',
  COMPLIANCE_POLICY: 'fips-140-2',
  ISTIO_META_ISTIO_VERSION: '1.30.0',
};

/** Prefixes and names that no table row is needed for. */
const READ_ELSEWHERE = /^(ISTIO_META_|KUBERNETES_SERVICE_)/;

function settingsOf(env: Record<string, string>, role: RoleName = 'ztunnel'): Settings {
  const result = readSettings(role, env);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.settings;
}

function problemsOf(env: Record<string, string>, role: RoleName = 'ztunnel'): readonly string[] {
  const result = readSettings(role, env);
  return result.ok ? [] : result.problems;
}

describe("the environment of ztunnel's DaemonSet", () => {
  it('starts a shared ztunnel of its node, cluster and network, with the control plane that is named', () => {
    const settings = settingsOf(HELM);

    expect(settings).toMatchObject({
      mode: 'shared',
      network: 'network-1',
      clusterId: 'east',
      nodeName: 'node-a',
      instanceIp: '10.1.0.7',
      podName: 'ztunnel-7x2kq',
      xdsAddress: 'istiod.istio-system.svc:15012',
      caAddress: 'istiod.istio-system.svc:15012',
      terminationDeadlineMs: 25_000,
      logLevel: 'info',
      nodeMetadata: { CLUSTER_ID: 'east' },
    });
  });

  it('says of each variable without effect why, and nothing of the others', () => {
    const { notices } = settingsOf(HELM);

    expect(notices.map((notice) => notice.split(' ')[0]).sort()).toEqual([
      'INPOD_ENABLED',
      'RUST_BACKTRACE',
      'ZTUNNEL_CPU_LIMIT',
    ]);
  });

  const names = new Set(Object.values<(typeof SETTINGS)[keyof typeof SETTINGS]>(SETTINGS).flatMap(({ env }) => env));

  it.each(Object.keys(ZTUNNEL).filter((name) => !READ_ELSEWHERE.test(name)))('%s is known', (name) => {
    expect(names.has(name) || name in WITHOUT_EFFECT).toBe(true);
  });

  it.each(Object.entries(ZTUNNEL))('%s with a value of ztunnel starts the proxy', (name, value) => {
    const dedicated = name === 'PROXY_WORKLOAD_INFO' ? { PROXY_MODE: 'dedicated' } : {};

    expect(problemsOf({ [name]: value, ...dedicated })).toEqual([]);
  });

  it('all of them together start the proxy', () => {
    const { mode, xdsAddress, altXdsHostname } = settingsOf(ZTUNNEL);

    expect([mode, xdsAddress, altXdsHostname]).toEqual([
      'shared',
      'istiod.istio-system.svc:15012',
      'istiod.example.com',
    ]);
  });
});

describe('a dedicated ztunnel', () => {
  it('is the workload of PROXY_WORKLOAD_INFO, under its trust domain', () => {
    const settings = settingsOf({
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: 'shop/storefront-1/storefront',
      TRUST_DOMAIN: 'example.org',
    });

    expect(settings).toMatchObject({
      mode: 'dedicated',
      workload: { namespace: 'shop', name: 'storefront-1', serviceAccount: 'storefront' },
      trustDomain: 'example.org',
    });
  });

  it.each(['waypoint', 'east-west-gateway'] as const)(
    'is what a %s always is: shared is refused, not ignored',
    (role) => {
      const env = { PROXY_WORKLOAD_INFO: 'shop/w/w', INSTANCE_IP: '127.0.0.1' };

      expect(problemsOf({ ...env, PROXY_MODE: 'shared' }, role)).toEqual([
        `PROXY_MODE=shared is for ztunnels: a ${role} stands for itself alone; set dedicated, or leave it out`,
      ]);
      expect(problemsOf({ ...env, PROXY_MODE: 'dedicated' }, role)).toEqual([]);
    },
  );
});

describe('where the control plane is', () => {
  it.each([
    ['on this machine', {}, 'https://localhost:15012'],
    ['in Kubernetes istiod', { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, 'https://istiod.istio-system.svc:15012'],
    ['where PROXY_CONFIG says', { PROXY_CONFIG: 'discoveryAddress: cp:15012' }, 'cp:15012'],
    ['where XDS_ADDRESS says first', { XDS_ADDRESS: 'a:1', PROXY_CONFIG: '{"discoveryAddress":"b:2"}' }, 'a:1'],
  ])('%s', (_, env, address) => {
    const settings = settingsOf(env as Record<string, string>);

    expect([settings.xdsAddress, settings.caAddress]).toEqual([address, address]);
  });

  it('is not asked when a local file is there instead, unless it is named', () => {
    const local = { LOCAL_XDS: 'workloads: []', KUBERNETES_SERVICE_HOST: '10.96.0.1' };

    expect(settingsOf(local).xdsAddress).toBeUndefined();
    expect(settingsOf(local).caAddress).toBe('https://istiod.istio-system.svc:15012');
    expect(settingsOf({ ...local, XDS_ADDRESS: 'cp:15012' }).xdsAddress).toBe('cp:15012');
  });

  it('gets the headers of its family, whose values are never printed', () => {
    const settings = settingsOf({ XDS_HEADER_X_Tenant: 'hush-1', CA_HEADER_AUTH: 'hush-2' });

    expect(settings.xdsHeaders).toEqual({ x_tenant: 'hush-1' });
    expect(settings.caHeaders).toEqual({ auth: 'hush-2' });
    expect(JSON.stringify(effectiveSettings(settings))).not.toContain('hush');
    expect(problemsOf({ XDS_HEADER_A: 'line\nbreak' })).toEqual([
      'XDS_HEADER_A is no header that gRPC can carry; expected visible ASCII',
    ]);
  });
});

describe('XDS_ON_DEMAND', () => {
  it('is for a ztunnel with a control plane to ask', () => {
    const env = { XDS_ON_DEMAND: 'true' };

    expect(settingsOf(env).xdsOnDemand).toBe(true);
    expect(problemsOf({ ...env, PROXY_WORKLOAD_INFO: 'shop/w/w', INSTANCE_IP: '127.0.0.1' }, 'waypoint')).toEqual([
      'XDS_ON_DEMAND=true cannot be used: a waypoint needs all that is bound to it or exported',
    ]);
    expect(problemsOf({ ...env, LOCAL_XDS: 'workloads: []' })).toEqual([
      'XDS_ON_DEMAND=true cannot be used: there is no control plane to ask; set XDS_ADDRESS',
    ]);
  });
});

describe('the metadata of the xDS node', () => {
  it('is that of PROXY_CONFIG, overridden by ISTIO_META_ and ISTIO_METAJSON_', () => {
    const { nodeMetadata } = settingsOf({
      PROXY_CONFIG: '{"proxyMetadata":{"ISTIO_META_A":"config","B":"config"}}',
      ISTIO_META_A: 'environment',
      ISTIO_METAJSON_LABELS: '{"app":"ztunnel"}',
    });

    expect(nodeMetadata).toEqual({ A: 'environment', B: 'config', LABELS: { app: 'ztunnel' } });
  });

  it('is not guessed: JSON and YAML that cannot be read are problems', () => {
    expect(problemsOf({ ISTIO_METAJSON_A: '{', PROXY_CONFIG: '[1]' })).toEqual([
      expect.stringMatching(/^PROXY_CONFIG="\[1\]" is no mapping/),
      expect.stringMatching(/^ISTIO_METAJSON_A is not JSON: /),
    ]);
  });
});

describe('RUST_LOG', () => {
  it.each([
    ['debug', {}, 'debug'],
    ['info,access=debug', {}, 'info'],
    ['off', {}, 'silent'],
    ['access=debug', {}, 'info'],
    ['debug', { LOG_LEVEL: 'warn' }, 'warn'],
  ])('%s with %j means %s', (rustLog, env, level) => {
    expect(settingsOf({ RUST_LOG: rustLog, ...env }).logLevel).toBe(level);
  });
});
