/**
 * The environment of a ztunnel starts this proxy (hbone.md 6.2, xds.md 2.11): each variable has its effect here, or is
 * said to have none and why.
 */
import { describe, expect, it } from 'vitest';
import { WITHOUT_EFFECT } from '../../../src/config/environment.js';
import { effectiveSettings, type RoleName, readSettings, SETTINGS, type Settings } from '../../../src/config.js';
import { HELM, ZTUNNEL } from '../../support/ztunnel-variables.js';

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

describe('TLS', () => {
  it('is 1.3 alone without a policy', () => {
    expect(settingsOf({})).toMatchObject({ tls12: false, compliancePolicy: undefined });
    expect(settingsOf({}).notices).toEqual([]);
  });

  it('may be 1.2 and restricted, and what a restriction is not is said', () => {
    const settings = settingsOf({ TLS12_ENABLED: 'true', COMPLIANCE_POLICY: 'fips-140-2' });

    expect(settings).toMatchObject({ tls12: true, compliancePolicy: 'fips-140-2' });
    expect(settings.notices).toEqual([expect.stringMatching(/^COMPLIANCE_POLICY=fips-140-2 .* not in FIPS mode/)]);
  });

  it.each([
    ['an unknown policy', { COMPLIANCE_POLICY: 'fips-201' }, /^COMPLIANCE_POLICY="fips-201" is none of them; expected/],
    [
      'pqc with TLS 1.2',
      { COMPLIANCE_POLICY: 'pqc', TLS12_ENABLED: 'true' },
      /^COMPLIANCE_POLICY=pqc cannot be kept: /,
    ],
    ['neither true nor false', { TLS12_ENABLED: 'yes' }, /^TLS12_ENABLED="yes" is neither/],
  ])('that cannot be kept does not start: %s', (_, env, problem) => {
    expect(problemsOf(env as Record<string, string>)).toEqual([expect.stringMatching(problem)]);
  });

  it('with COMPLIANCE_POLICY=pqc starts where OpenSSL has the group, and nowhere else', () => {
    const isNew = Number(process.versions.openssl.split('.').slice(0, 2).join('.')) >= 3.5;

    const problems = problemsOf({ COMPLIANCE_POLICY: 'pqc' });

    expect(problems).toEqual(
      isNew ? [] : [expect.stringMatching(/^COMPLIANCE_POLICY=pqc cannot be kept: OpenSSL .* X25519MLKEM768/)],
    );
  });
});

describe('PROXY_CONFIG', () => {
  it('says which fields of ztunnel have no effect', () => {
    const { notices } = settingsOf({
      PROXY_CONFIG: 'concurrency: 2\nstatsPort: 15090\nholdApplicationUntilProxyStarts: true',
    });

    expect(notices.map((notice) => notice.split(' ')[0])).toEqual(['concurrency', 'statsPort']);
  });
});
