import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSettings, settingRows } from '../../src/config.js';
import { formatProblem } from '../../src/schema/index.js';

const MINIMAL = `
clusterId: east
sources:
- {cluster: east, network: network-1, directory: east}
ca: {directory: ca}
tokens: {keyFile: token-key.pem}
`;

function problemsOf(text: string): readonly string[] {
  const read = readSettings('/etc/isthmus/config.yaml', text);
  return read.ok ? [] : read.problems.map(formatProblem);
}

describe('the configuration', () => {
  it('has a default for all that can have one, and paths relative to its file', () => {
    const read = readSettings('/etc/isthmus/config.yaml', MINIMAL);

    expect(read).toEqual({
      ok: true,
      settings: {
        clusterId: 'east',
        trustDomain: 'cluster.local',
        clusterDomain: 'cluster.local',
        sources: [
          {
            cluster: 'east',
            network: 'network-1',
            directory: '/etc/isthmus/east',
            kubernetes: undefined,
            trustDomain: undefined,
            meshConfig: { serviceScopeConfigs: undefined },
          },
        ],
        meshConfig: { serviceScopeConfigs: undefined },
        remoteServiceVips: ['240.240.0.0/16', '2001:2::/48'],
        federation: undefined,
        ca: {
          directory: '/etc/isthmus/ca',
          workloadCertTtl: 86_400_000,
          maxWorkloadCertTtl: 7_776_000_000,
          trustedNodeAccounts: ['istio-system/ztunnel'],
        },
        trustBundles: [],
        tokens: {
          issuer: 'isthmus-control-plane',
          audience: 'istio-ca',
          keyFile: '/etc/isthmus/token-key.pem',
          issuers: [],
        },
        listen: { host: '127.0.0.1', port: 15012 },
        serverNames: ['localhost', '127.0.0.1', '::1'],
        readiness: { host: '127.0.0.1', port: 15021 },
        monitoring: { host: '127.0.0.1', port: 15014 },
        debounce: { quiet: 100, max: 10_000 },
        rescanInterval: 10_000,
        logLevel: 'info',
      },
    });
  });

  it('takes the API of a cluster in place of a directory', () => {
    const text = MINIMAL.replace(
      'network: network-1, directory: east',
      'kubernetes: {kubeconfig: kube/east.yaml, context: admin}',
    );

    expect(readSettings('/etc/isthmus/config.yaml', text)).toMatchObject({
      settings: {
        sources: [
          {
            network: undefined,
            directory: undefined,
            kubernetes: {
              kubeconfig: '/etc/isthmus/kube/east.yaml',
              context: 'admin',
              inCluster: false,
              remoteSecrets: true,
              tokenReview: true,
              rootConfigMaps: false,
            },
          },
        ],
      },
    });
  });

  it('needs no key for tokens where the API of the local cluster reviews them', () => {
    const text = MINIMAL.replace(/tokens: .*/, '').replace(
      'network: network-1, directory: east',
      'kubernetes: {inCluster: true}',
    );

    expect(readSettings('/etc/isthmus/config.yaml', text)).toMatchObject({
      settings: {
        sources: [{ kubernetes: { serviceAccountDirectory: '/var/run/secrets/kubernetes.io/serviceaccount' } }],
        trustBundles: [],
        tokens: { issuer: 'isthmus-control-plane', audience: 'istio-ca', keyFile: undefined },
      },
    });
  });

  it.each([
    ['network: network-1', 'sources[0]: has neither directory nor kubernetes'],
    ['directory: east', 'sources[0].network: is missing; expected'],
    ['network: n, directory: east, kubernetes: {inCluster: true}', 'sources[0]: has both directory and kubernetes'],
    ['kubernetes: {}', 'sources[0].kubernetes: has neither kubeconfig nor inCluster: true'],
    ['kubernetes: {kubeconfig: k, inCluster: true}', 'sources[0].kubernetes: has both kubeconfig and inCluster: true'],
    ['kubernetes: {inCluster: true, context: x}', 'sources[0].kubernetes.context: is of a kubeconfig'],
    ['kubernetes: {inCluster: yes please}', 'sources[0].kubernetes.inCluster: expected'],
  ])('refuses the source {%s}', (source, message) => {
    const text = MINIMAL.replace('network: network-1, directory: east', source);

    expect(problemsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it('tells all problems at once, each with its place, path and remedy', () => {
    const text =
      'clusterId: east\nclusterid: west\nsources:\n- {cluster: north, network: 7, directory: x}\nca: {directory: ca, workloadCertTtl: 1}\nlisten: {port: 99999, host: localhost}\nlogLevel: loud\n';

    expect(problemsOf(text)).toEqual([
      '/etc/isthmus/config.yaml:4:29 sources[0].network: expected a string, found the number 7; quote it',
      '/etc/isthmus/config.yaml:5:38 ca.workloadCertTtl: expected a duration such as 100ms, 10s or 24h, found the number 1',
      '/etc/isthmus/config.yaml:6:29 listen.host: expected an IPv4 or IPv6 address without zone, found the string "localhost"',
      '/etc/isthmus/config.yaml:6:16 listen.port: expected an integer from 0 to 65535, found the number 99999',
      '/etc/isthmus/config.yaml:7:11 logLevel: expected one of trace, debug, info, warn, error, silent, found the string "loud"',
      expect.stringMatching(
        /^\/etc\/isthmus\/config\.yaml:2:12 clusterid: no such setting; known here: clusterId, trustDomain,/,
      ),
    ]);
  });

  it.each([
    ['', 'is empty'],
    ['a: [', 'not valid YAML'],
    [`${MINIMAL}---\n${MINIMAL}`, 'has more than one YAML document'],
    [MINIMAL.replace('cluster: east', 'cluster: west'), 'none has cluster east'],
    [
      MINIMAL.replace('sources:', 'sources:\n- {cluster: east, network: n, directory: d}'),
      'east is listed already by sources[0]',
    ],
    [MINIMAL.replace('directory: ca', 'directory: ca, workloadCertTtl: 91d'), 'is longer than maxWorkloadCertTtl'],
    [
      MINIMAL.replace(/tokens: .*/, ''),
      'tokens.keyFile: is missing; without it, other issuers and an API that reviews tokens,',
    ],
    [
      MINIMAL.replace(/tokens: .*/, '').replace(
        'network: network-1, directory: east',
        'kubernetes: {inCluster: true, tokenReview: false}',
      ),
      'tokens.keyFile: is missing',
    ],
    [
      `${MINIMAL}trustBundles: [{trustDomain: cluster.local, file: roots.pem}]`,
      'trustBundles[0].trustDomain: is the trust domain of this control plane',
    ],
    [
      MINIMAL.replace(/tokens: .*/, `tokens: {keyFile: k, issuers: [{issuer: isthmus-control-plane, jwksFile: j}]}`),
      'tokens.issuers[0].issuer: isthmus-control-plane is the issuer of other tokens already',
    ],
    [
      MINIMAL.replace(/tokens: .*/, `tokens: {issuers: [{issuer: i}]}`),
      'tokens.issuers[0]: needs one of jwksFile and jwksUrl',
    ],
    [
      MINIMAL.replace(/tokens: .*/, `tokens: {issuers: [{issuer: i, jwksUrl: 'http://keys.example/jwks'}]}`),
      'tokens.issuers[0].jwksUrl: expected an https URL',
    ],
    [
      MINIMAL.replace(/tokens: .*/, `tokens: {issuers: [{issuer: i, jwksUrl: 'https://me:word@keys.example/jwks'}]}`),
      'without a password: it is shown in logs',
    ],
    [
      MINIMAL.replace(/tokens: .*/, `tokens: {issuers: [{issuer: i, jwksFile: j, caFile: c}]}`),
      'tokens.issuers[0].caFile: is of a jwksUrl with https',
    ],
  ])('%j is refused', (text, message) => {
    expect(problemsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it('is documented row by row in docs/control-plane.md', () => {
    const page = readFileSync(new URL('../../../../docs/control-plane.md', import.meta.url), 'utf8');
    const rows = settingRows().map(
      ({ name, type, default: fallback, doc }) =>
        `| \`${name}\` | ${type.replaceAll('|', '\\|')} | ${fallback ?? '**required**'} | ${doc} |`,
    );

    expect(page).toContain(rows.join('\n'));
  });
});
