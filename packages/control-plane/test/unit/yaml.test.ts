import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/schema/index.js';
import { parseFile } from '../../src/sources/index.js';

function problemsOf(text: string): readonly string[] {
  return parseFile('dir/file.yaml', text).problems.map(formatProblem);
}

describe('reading a file of objects', () => {
  it('reports every problem of every document with its place and path', () => {
    const text = [
      'apiVersion: v1',
      'kind: Service',
      'metadata: {name: Shop, namespace: a}',
      'spec:',
      '  type: Clustery',
      '  clusterIP: 10.0.0.300',
      '  ports:',
      '  - port: "80"',
      '---',
      'apiVersion: v1',
      'kind: Pod',
      'metadata:',
      '  name: a',
      '  labels:',
      '    version: 1',
    ].join('\n');

    const problems = problemsOf(text);

    expect(problems).toEqual([
      'dir/file.yaml:3:18 metadata.name: expected a name of lower case letters, digits, "-" and "." (RFC 1123), found the string "Shop"',
      'dir/file.yaml:5:9 spec.type: expected one of ClusterIP, NodePort, LoadBalancer, ExternalName, found the string "Clustery"',
      'dir/file.yaml:6:14 spec.clusterIP: expected an IP address, or None for a headless Service, found the string "10.0.0.300"',
      'dir/file.yaml:8:11 spec.ports[0].port: expected an integer from 1 to 65535, found the string "80"',
      'dir/file.yaml:15:14 metadata.labels.version: expected a string, found the number 1; quote it',
    ]);
  });

  it('takes nothing from a truncated file, and says where it breaks off', () => {
    const { objects, problems } = parseFile(
      'cut.yaml',
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {na',
    );

    expect(objects).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      severity: 'error',
      line: 7,
      message: expect.stringContaining('not valid YAML'),
    });
  });

  it.each([
    ['text', 'is no Kubernetes object: it needs apiVersion and kind'],
    ['- a\n- b', 'is no Kubernetes object: it needs apiVersion and kind'],
    ['kind: Pod', 'is no Kubernetes object: it needs apiVersion and kind'],
  ])('refuses %j', (text, message) => {
    expect(problemsOf(text)).toEqual([`dir/file.yaml:1:1: ${message}`]);
  });

  it('refuses an alias bomb', () => {
    const rows = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`),
    ];

    const problems = problemsOf(rows.join('\n'));

    expect(problems).toEqual([expect.stringMatching(/^dir\/file\.yaml:1:1: not valid YAML: Excessive alias count/)]);
  });

  it('ignores kinds without a meaning here, with a warning, and tells Gateways apart by their group', () => {
    const text =
      'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n';

    expect(problemsOf(text)).toEqual([
      'dir/file.yaml:2:7 kind: warning: Gateway of networking.istio.io has no meaning here and is ignored',
      'dir/file.yaml:6:7 kind: warning: Deployment of apps has no meaning here and is ignored',
    ]);
  });

  it('takes the items of a List, with their own places', () => {
    const text =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: B}\n';

    const { objects, problems } = parseFile('list.yaml', text);

    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(problems.map(formatProblem)).toEqual([
      expect.stringContaining('list.yaml:9:20 items[1].metadata.name: expected a name'),
    ]);
  });

  it('warns of pods that can get no traffic', () => {
    const pod = (status: string) => `{apiVersion: v1, kind: Pod, metadata: {name: a}, status: ${status}}`;

    expect(problemsOf(pod('{}'))).toEqual([expect.stringContaining('status.podIP: warning: is missing')]);
    expect(problemsOf(pod('{podIP: 10.0.0.1}'))).toEqual([
      expect.stringContaining('status.conditions: warning: has no condition of type Ready'),
    ]);
    expect(problemsOf(pod('{phase: Succeeded}'))).toEqual([]);
  });

  it('refuses a policy attribute that nobody would heed, and one that says nothing', () => {
    const policy = (rule: string) =>
      `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a}, spec: {rules: [${rule}]}}`;

    expect(problemsOf(policy('{from: [{source: {principal: [a]}}]}'))).toContainEqual(
      expect.stringContaining('spec.rules[0].from[0].source.principal: no such setting'),
    );
    expect(problemsOf(policy('{from: [{source: {}}]}'))).toEqual([
      expect.stringContaining('spec.rules[0].from[0].source: names no attribute'),
    ]);
    expect(problemsOf(policy('{to: [{operation: {ports: ["http"]}}]}'))).toEqual([
      expect.stringContaining('expected a port from 1 to 65535, quoted'),
    ]);
    expect(problemsOf(policy('{when: [{key: source.ip, values: [10.0.0.0/33]}]}'))).toEqual([
      expect.stringContaining('expected an IP address or a CIDR block'),
    ]);
  });
});
