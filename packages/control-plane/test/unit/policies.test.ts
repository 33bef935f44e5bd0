import { describe, expect, it } from 'vitest';
import type { ClusterModel } from '../../src/model/index.js';
import { deriveOne } from '../support/derive.js';
import {
  authorizationPolicy,
  type Manifest,
  peerAuthentication,
  pod,
  waypoint,
  waypointPod,
} from '../support/objects.js';

function policies(...objects: Parameters<typeof deriveOne>[0][number][]) {
  const cluster = deriveOne(objects);
  return {
    all: cluster.policies,
    told: cluster.problems.map(({ message }) => message),
    bound: (name: string) => cluster.workloads.get(`east//Pod/shop/${name}`)?.authorizationPolicies,
  };
}

/** A match without its empty lists. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, list]) => !Array.isArray(list) || list.length > 0));
}

function rulesOf(spec: Record<string, unknown>): { rules: unknown; told: readonly string[] } {
  const { all, told } = policies(authorizationPolicy('p', spec));
  return { rules: compact(all.get('shop/p')?.rules), told };
}

const at = (kind: string, name: string) => ({ group: 'gateway.networking.k8s.io', kind, name });

describe('AuthorizationPolicy', () => {
  it.each([
    ['istio-system', undefined, 'global'],
    ['shop', undefined, 'namespace'],
    ['shop', { matchLabels: { app: 'a' } }, 'workload-selector'],
    ['istio-system', { matchLabels: { app: 'a' } }, 'workload-selector'],
  ])('in %s with selector %j binds by %s', (namespace, selector, scope) => {
    const { all, bound } = policies(
      authorizationPolicy('p', { selector }, { namespace }),
      pod('a-1'),
      pod('b-1', { ip: '10.1.0.2' }),
    );

    expect(all.get(`${namespace}/p`)).toMatchObject({ scope, action: 'allow', dryRun: false });
    expect(bound('a-1')).toEqual(scope === 'workload-selector' ? [`${namespace}/p`] : []);
    expect(bound('b-1')).toEqual([]);
  });

  it('keeps what layer 4 can tell, each list in its form', () => {
    const { rules, told } = rulesOf({
      rules: [
        {
          from: [
            { source: { principals: ['cluster.local/ns/a/sa/b', '*/sa/c', 'td/*', '*'], notNamespaces: ['x'] } },
            { source: { ipBlocks: ['10.0.0.0/8', '192.0.2.1', 'FD00::/8'], serviceAccounts: ['own', 'other/them'] } },
          ],
          to: [{ operation: { ports: ['80', '443'], notPorts: ['81'] } }],
          when: [
            { key: 'destination.ip', values: ['10.2.0.0/16'] },
            { key: 'source.namespace', notValues: ['bad'] },
          ],
        },
      ],
    });

    expect(told).toEqual([]);
    expect(rules).toEqual(
      [
        [
          [{ destinationPorts: [80, 443], notDestinationPorts: [81] }],
          [
            {
              principals: [
                { kind: 'exact', value: 'cluster.local/ns/a/sa/b' },
                { kind: 'suffix', value: '/sa/c' },
                { kind: 'prefix', value: 'td/' },
                { kind: 'presence' },
              ],
              notNamespaces: [{ kind: 'exact', value: 'x' }],
            },
            {
              sourceIps: [
                { ip: '10.0.0.0', length: 8 },
                { ip: '192.0.2.1', length: 32 },
                { ip: 'fd00::', length: 8 },
              ],
              serviceAccounts: [
                { namespace: 'shop', serviceAccount: 'own' },
                { namespace: 'other', serviceAccount: 'them' },
              ],
            },
          ],
          [{ destinationIps: [{ ip: '10.2.0.0', length: 16 }] }],
          [{ notNamespaces: [{ kind: 'exact', value: 'bad' }] }],
        ],
      ].map(compact),
    );
  });

  it('of ALLOW loses every rule that needs HTTP, so that it allows less', () => {
    const { rules, told } = rulesOf({
      action: 'ALLOW',
      rules: [
        { from: [{ source: { namespaces: ['a'] } }], to: [{ operation: { methods: ['GET'] } }] },
        { from: [{ source: { namespaces: ['b'] } }] },
        { when: [{ key: 'request.headers[x]', values: ['1'] }] },
      ],
    });

    expect(rules).toEqual([[[{ namespaces: [{ kind: 'exact', value: 'b' }] }]]]);
    expect(told).toEqual([
      'methods: layer-4 proxies cannot see HTTP; the whole rule is left out, so less is allowed',
      'request.headers[x]: layer-4 proxies cannot see HTTP; the whole rule is left out, so less is allowed',
    ]);
  });

  it('of DENY denies without regard to HTTP, so that it denies more', () => {
    const { rules, told } = rulesOf({
      action: 'DENY',
      rules: [
        { from: [{ source: { namespaces: ['a'] } }], to: [{ operation: { ports: ['80'], methods: ['GET'] } }] },
        {
          from: [{ source: { namespaces: ['b'] } }],
          to: [{ operation: { ports: ['80'] } }, { operation: { paths: ['/admin'] } }],
        },
      ],
    });

    expect(rules).toEqual([
      [[{ destinationPorts: [80] }], [{ namespaces: [{ kind: 'exact', value: 'a' }] }]],
      [[{ namespaces: [{ kind: 'exact', value: 'b' }] }]],
    ]);
    expect(told).toHaveLength(2);
  });

  it('with an empty rule matches all, without rules nothing', () => {
    expect(rulesOf({ rules: [{}] }).rules).toEqual([[]]);
    expect(rulesOf({}).rules).toEqual([]);
  });

  it('may be a dry run', () => {
    const { all } = policies(authorizationPolicy('p', {}, { annotations: { 'istio.io/dry-run': 'true' } }));

    expect(all.get('shop/p')?.dryRun).toBe(true);
  });

  it.each([
    [{ action: 'AUDIT' }, /^AuthorizationPolicy shop\/p has no effect: .*use DENY with the annotation/],
    [{ action: 'CUSTOM', provider: { name: 'x' } }, /^AuthorizationPolicy shop\/p has no effect: .*use ALLOW or DENY$/],
    [
      { targetRefs: [at('Gateway', 'nowhere')] },
      /not enforced at Gateway nowhere \(no Gateway of class istio-waypoint/,
    ],
    [{ targetRefs: [{ kind: 'Gateway', name: 'waypoint' }] }, /Gateway waypoint \(its group has to be gateway\./],
    [
      { targetRefs: [at('GatewayClass', 'istio-waypoint')] },
      /only named in the namespace istio-system; move the policy/,
    ],
    [
      { targetRefs: [at('GatewayClass', 'istio')] },
      /GatewayClass istio \(only istio-waypoint enforces policies here\)$/,
    ],
    [{ targetRefs: [{ kind: 'ServiceEntry', name: 'api' }] }, /ServiceEntry api \(layer 4 .*; name the waypoint/],
    [{ targetRefs: [{ kind: 'Deployment', name: 'api' }] }, /Deployment api \(policies bind to Gateways/],
    [
      { targetRefs: ['a', 'b'].map((name) => ({ kind: 'Service', name })) },
      /^AuthorizationPolicy shop\/p is not enforced at Service a \(.*\), nor at Service b \(.*\)$/,
    ],
  ])('%j is left out and told once', (spec, message) => {
    const { all, told } = policies(authorizationPolicy('p', spec));

    expect(all.size).toBe(0);
    expect(told).toEqual([expect.stringMatching(message)]);
  });
});

describe('a policy that names a waypoint', () => {
  const cluster = (...objects: readonly Manifest[]) =>
    deriveOne([
      ...waypoint(),
      waypointPod(),
      pod('reviews-1'),
      ...waypoint('waypoint', { namespace: 'other' }),
      waypointPod('waypoint', { namespace: 'other', ip: '10.1.0.8' }),
      ...objects,
    ]);
  const boundTo = ({ workloads }: ClusterModel) =>
    [...workloads.values()]
      .filter(({ authorizationPolicies }) => authorizationPolicies.includes('shop/p'))
      .map(({ uid }) => uid);

  it.each([
    ['targetRefs', { targetRefs: [at('Gateway', 'waypoint')] }],
    ['targetRef', { targetRef: at('Gateway', 'waypoint') }],
    ['both', { targetRef: at('Gateway', 'waypoint'), targetRefs: [at('Gateway', 'waypoint')] }],
  ])('by %s binds to its pods and to no others', (_, spec) => {
    const found = cluster(authorizationPolicy('p', { action: 'DENY', ...spec, rules: [{}] }));

    expect(found.policies.get('shop/p')).toMatchObject({ scope: 'workload-selector', action: 'deny' });
    expect(boundTo(found)).toEqual(['east//Pod/shop/waypoint-1']);
    expect(found.problems).toEqual([]);
  });

  it('is told of what else it names, and enforced where it can be', () => {
    const found = cluster(
      authorizationPolicy('p', { targetRefs: [at('Gateway', 'waypoint'), { kind: 'Service', name: 'reviews' }] }),
    );

    expect(boundTo(found)).toEqual(['east//Pod/shop/waypoint-1']);
    expect(found.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^AuthorizationPolicy shop\/p is not enforced at Service reviews \(/),
    ]);
  });

  it('of the root namespace reaches into no other', () => {
    const policy = authorizationPolicy('p', { targetRefs: [at('Gateway', 'waypoint')] }, { namespace: 'istio-system' });

    const found = cluster(policy, ...waypoint('waypoint', { namespace: 'istio-system' }));

    expect([...found.workloads.values()].flatMap(({ authorizationPolicies }) => authorizationPolicies)).toEqual([]);
  });
});

describe('a policy that names the class of waypoints', () => {
  it('binds in the root namespace to the pods of all waypoints and to no others', () => {
    const root = { namespace: 'istio-system' };
    const spec = { action: 'DENY', targetRefs: [at('GatewayClass', 'istio-waypoint')], rules: [{}] };

    const {
      policies: all,
      workloads,
      problems,
    } = deriveOne([
      authorizationPolicy('p', spec, root),
      ...waypoint(),
      waypointPod(),
      ...waypoint('own', { namespace: 'other' }),
      waypointPod('own', { namespace: 'other', ip: '10.1.0.8' }),
      pod('reviews-1'),
    ]);

    expect(all.get('istio-system/p')).toMatchObject({ scope: 'workload-selector', action: 'deny' });
    const bound = [...workloads.values()].filter((each) => each.authorizationPolicies.includes('istio-system/p'));
    expect(bound.map(({ uid }) => uid)).toEqual(['east//Pod/other/own-1', 'east//Pod/shop/waypoint-1']);
    expect(problems).toEqual([]);
  });
});

describe('PeerAuthentication', () => {
  const STRICT = { mtls: { mode: 'STRICT' } };
  const PERMISSIVE = { mtls: { mode: 'PERMISSIVE' } };
  const staticKey = 'istio-system/istio_converted_static_strict';
  const mesh = (spec: Record<string, unknown>) => peerAuthentication('default', spec, { namespace: 'istio-system' });
  const own = (spec: Record<string, unknown>) => peerAuthentication('default', spec);
  const selective = (spec: Record<string, unknown>, rest = {}) =>
    peerAuthentication('picky', { selector: { matchLabels: { app: 'a' } }, ...spec }, rest);

  it.each([
    ['the mesh is strict', [mesh(STRICT)], true],
    ['the namespace is more permissive than the mesh', [mesh(STRICT), own(PERMISSIVE)], false],
    ['the workload is stricter than both', [mesh(PERMISSIVE), own(PERMISSIVE), selective(STRICT)], true],
    ['the workload leaves it to the namespace', [own(STRICT), selective({})], true],
    ['the namespace leaves it to the mesh', [mesh(STRICT), own({})], true],
    ['nobody says anything', [], false],
  ])('when %s', (_, objects, isStrict) => {
    const { bound } = policies(...objects, pod('a-1'));

    expect(bound('a-1')).toEqual(isStrict ? [staticKey] : []);
  });

  it('refuses whoever proves no identity', () => {
    const { all } = policies(mesh(STRICT));

    expect(compact(all.get(staticKey)?.rules)).toEqual([[[{ notPrincipals: [{ kind: 'presence' }] }]]]);
    expect(all.get(staticKey)).toMatchObject({ action: 'deny', scope: 'workload-selector' });
  });

  it.each([
    [
      'an open port of a strict workload',
      STRICT,
      { 8080: { mode: 'DISABLE' } },
      [[[{ notPrincipals: [{ kind: 'presence' }] }], [{ notDestinationPorts: [8080] }]]],
    ],
    [
      'a strict port of an open workload',
      PERMISSIVE,
      { 8080: { mode: 'STRICT' } },
      [[[{ notPrincipals: [{ kind: 'presence' }], destinationPorts: [8080] }]]],
    ],
  ])('with %s has a policy of its own', (_, mode, portLevelMtls, rules) => {
    const { all, bound } = policies(selective({ ...mode, portLevelMtls }), pod('a-1'));

    expect(bound('a-1')).toEqual(['shop/converted_peer_authentication_picky']);
    expect(compact(all.get('shop/converted_peer_authentication_picky')?.rules)).toEqual(rules);
  });

  it('falls back to the plain policy when the ports say nothing new', () => {
    const { bound } = policies(selective({ ...STRICT, portLevelMtls: { 8080: { mode: 'STRICT' } } }), pod('a-1'));

    expect(bound('a-1')).toEqual([staticKey]);
  });

  it('lets the older of two decide', () => {
    const older = { ...selective(STRICT, { creationTimestamp: '2025-01-01T00:00:00Z' }) };
    const younger = peerAuthentication(
      'a-name-that-sorts-first',
      { selector: { matchLabels: { app: 'a' } }, ...PERMISSIVE },
      { creationTimestamp: '2026-01-01T00:00:00Z' },
    );

    expect(policies(younger, older, pod('a-1')).bound('a-1')).toEqual([staticKey]);
  });
});
