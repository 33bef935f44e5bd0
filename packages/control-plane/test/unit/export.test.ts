import { describe, expect, it } from 'vitest';
import { readSettings } from '../../src/config.js';
import type { ScopeConfig } from '../../src/mesh-config.js';
import { formatProblem } from '../../src/schema/index.js';
import { type ClusterSketch, deriveOne, viewOf } from '../support/derive.js';
import { eastWestGateway, GLOBAL, namespace, pod, service, serviceEntry } from '../support/objects.js';

const KEY = 'shop/reviews.shop.svc.cluster.local';

function read(configs: string) {
  const text = `
clusterId: east
sources:
- {cluster: east, network: network-1, directory: east}
meshConfig: {serviceScopeConfigs: ${configs}}
ca: {directory: ca}
tokens: {keyFile: token-key.pem}
`;
  return readSettings('config.yaml', text);
}

function configsOf(text: string): readonly ScopeConfig[] {
  const settings = read(text);
  if (!settings.ok) throw new Error(settings.problems.map(formatProblem).join('\n'));
  return settings.settings.meshConfig.serviceScopeConfigs ?? [];
}

function scopeOf(configs: string, labels: Record<string, string>, namespaceLabels: Record<string, string> = {}) {
  const objects = [namespace('shop', namespaceLabels), service('reviews', { labels })];
  return deriveOne(objects, { scopeConfigs: configsOf(configs) }).services.get(KEY)?.scope;
}

const TEAM = '{namespaceSelector: {matchLabels: {team: shop}}, scope: GLOBAL}';

describe('what a cluster exports', () => {
  it.each([
    ['nothing, of an empty list', '[]', GLOBAL, {}, 'local'],
    ['everything, of an entry without selectors', '[{scope: GLOBAL}]', {}, {}, 'global'],
    ['what the namespace is selected by', `[${TEAM}]`, {}, { team: 'shop' }, 'global'],
    ['not what another namespace has', `[${TEAM}]`, GLOBAL, { team: 'other' }, 'local'],
    [
      'what the second entry selects',
      `[${TEAM}, {servicesSelector: {matchLabels: {x: y}}, scope: GLOBAL}]`,
      { x: 'y' },
      {},
      'global',
    ],
    ['what a LOCAL entry selects besides', `[{scope: LOCAL}, ${TEAM}]`, {}, { team: 'shop' }, 'global'],
    ['nothing by an entry that says no scope', '[{}]', {}, {}, 'local'],
    [
      'only what both selectors select',
      '[{namespaceSelector: {matchLabels: {a: b}}, servicesSelector: {matchLabels: {c: d}}, scope: GLOBAL}]',
      { c: 'd' },
      {},
      'local',
    ],
    [
      'In',
      '[{servicesSelector: {matchExpressions: [{key: a, operator: In, values: [b, c]}]}, scope: GLOBAL}]',
      { a: 'c' },
      {},
      'global',
    ],
    [
      'NotIn, of a label that is not there',
      '[{servicesSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}, scope: GLOBAL}]',
      {},
      {},
      'global',
    ],
    [
      'NotIn, of a label in the set',
      '[{servicesSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}, scope: GLOBAL}]',
      { a: 'b' },
      {},
      'local',
    ],
    [
      'Exists',
      '[{servicesSelector: {matchExpressions: [{key: a, operator: Exists}]}, scope: GLOBAL}]',
      { a: '' },
      {},
      'global',
    ],
    [
      'DoesNotExist',
      '[{servicesSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}, scope: GLOBAL}]',
      { a: '' },
      {},
      'local',
    ],
    [
      'not what an entry excepts',
      '[{scope: GLOBAL, except: [{servicesSelector: {matchLabels: {internal: "true"}}}]}]',
      { internal: 'true' },
      {},
      'local',
    ],
    [
      'not what one entry excepts and another exports',
      '[{servicesSelector: {matchLabels: {a: b}}, scope: GLOBAL}, {scope: GLOBAL, except: [{servicesSelector: {matchLabels: {internal: "true"}}}]}]',
      { a: 'b', internal: 'true' },
      {},
      'local',
    ],
  ])('is %s', (_, configs, labels, namespaceLabels, expected) => {
    expect(scopeOf(configs, labels as Record<string, string>, namespaceLabels)).toBe(expected);
  });

  it('is for the exporter to say: settings of one cluster export nothing of another', () => {
    const side = [namespace('shop', { 'istio.io/dataplane-mode': 'ambient' }), service('reviews'), pod('reviews-1')];
    const open = configsOf('[{scope: GLOBAL}]');
    const east = { id: 'east', network: 'network-1', objects: side };
    const west = { id: 'west', network: 'network-2', objects: [...side, eastWestGateway('network-2', '192.0.2.2')] };
    const crosses = (...sides: readonly ClusterSketch[]) =>
      [...viewOf('ztunnel', ...sides).workloads.values()].some(
        ({ network, services }) => network === 'network-2' && services.size > 0,
      );

    expect(crosses({ ...east, scopeConfigs: open }, west)).toBe(false);
    expect(crosses(east, { ...west, scopeConfigs: open })).toBe(false);
    expect(crosses({ ...east, scopeConfigs: open }, { ...west, scopeConfigs: open })).toBe(true);
  });

  it('takes in ServiceEntries, by their own labels and those of their namespace', () => {
    const objects = [
      namespace('shop', { team: 'shop' }),
      serviceEntry('partner', { hosts: ['partner.example'] }),
      serviceEntry('labelled', { hosts: ['labelled.example'] }, { labels: GLOBAL }),
    ];
    const scopes = (configs?: readonly ScopeConfig[]) =>
      [...deriveOne(objects, configs ? { scopeConfigs: configs } : {}).services.values()].map(
        ({ hostname, scope }) => `${hostname} ${scope}`,
      );

    expect(scopes()).toEqual(['labelled.example global', 'partner.example local']);
    expect(scopes(configsOf(`[${TEAM}]`))).toEqual(['labelled.example global', 'partner.example global']);
  });

  it.each([
    [
      '[{servicesSelector: {matchExpressions: [{key: a, operator: Is}]}}]',
      'expected one of In, NotIn, Exists, DoesNotExist',
    ],
    ['[{servicesSelector: {matchExpressions: [{key: a, operator: In}]}}]', 'In needs values'],
    ['[{servicesSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}]', 'Exists takes no values'],
    ['[{namespacesSelector: {}}]', 'no such setting; known here: namespaceSelector, servicesSelector, scope, except'],
    ['[{scope: global}]', 'expected one of LOCAL, GLOBAL'],
  ])('%s is refused with its place and the remedy', (configs, message) => {
    const settings = read(configs);

    expect(settings.ok ? [] : settings.problems.map(formatProblem)).toEqual([
      expect.stringMatching(new RegExp(`^config.yaml:5:\\d+ meshConfig\\.serviceScopeConfigs\\[0\\].*${message}`)),
    ]);
  });
});
