import { describe, expect, it } from 'vitest';
import { NETNS_SLICE, namespacesOf, setupOf } from '../../../lab/netns/network.js';
import { buildWorld, clustersOf } from '../../../lab/topology.js';

const LAB = 4711;
const world = buildWorld(NETNS_SLICE, 2, 'pod');
const setups = setupOf(world, LAB, 'peers');
const linksOf = (namespace: string) =>
  setups.filter((setup) => setup.namespace === namespace).flatMap(({ links }) => links);

describe('the networks of a lab in network namespaces', () => {
  it('are a namespace each, and one for every pod, all by the name of the lab', () => {
    const names = namespacesOf(world, LAB);

    expect(names).toHaveLength(2 + world.clusters.east.apps.length + world.clusters.west.apps.length);
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => name.startsWith(`isthmus-lab-${LAB}-`))).toBe(true);
    expect(new Set(setups.map(({ namespace }) => namespace))).toEqual(new Set(names));
  });

  it('know a way to the gateways and the control plane of the other network, and to nothing else of it', () => {
    const routes = linksOf(`isthmus-lab-${LAB}-east`).filter((line) => line.startsWith('route '));

    expect(routes).toEqual([
      'route add 10.80.2.10/32 via 192.0.2.2',
      'route add 10.80.2.41/32 via 192.0.2.2',
      'route add 10.80.2.1/32 via 192.0.2.2',
    ]);
  });

  it('know no way to a control plane that is no peer', () => {
    const all = setupOf(world, LAB, 'directories');

    expect(all.flatMap(({ links }) => links).filter((line) => /^route .* (10\.80\.[12]\.1)\/32/.test(line))).toEqual(
      [],
    );
    expect(all.some(({ script }) => script?.includes('15013'))).toBe(false);
  });

  it('let in what is addressed to HBONE of a gateway or to the control plane as a peer, and drop the rest', () => {
    const script =
      setups.find(({ namespace, script }) => namespace === `isthmus-lab-${LAB}-west` && script)?.script ?? '';

    const chain = script.slice(script.indexOf('chain from-other-network'), script.indexOf('chain input'));
    expect(chain.split('\n').map((line) => line.trim())).toEqual([
      'chain from-other-network {',
      'ct state established,related accept',
      'ip daddr { 10.80.2.10, 10.80.2.41 } tcp dport 15008 accept',
      'ip daddr { 10.80.2.1 } tcp dport 15013 accept',
      'drop',
      '}',
      '',
    ]);
    for (const hook of ['input', 'forward']) expect(script).toContain(`hook ${hook} priority`);
  });

  it('tell every pod the names of all services its cluster defines, those of the other cluster that are global included', () => {
    const { hosts = '' } = setups.find(({ namespace }) => namespace === `isthmus-lab-${LAB}-east-storefront`)!;

    const names = hosts.split('\n').flatMap((line) => line.split(' ').slice(2));
    expect(names).toEqual(
      expect.arrayContaining(['reviews.shop', 'ratings.shop', 'recommendations.shop', 'ledger.shop']),
    );
    expect(names).not.toContain('audit.shop');
  });

  it('have a ztunnel in every pod, none on the node, and no listeners for apps', () => {
    for (const cluster of clustersOf(world)) {
      expect(cluster.ztunnels.map(({ pod }) => pod)).toEqual(cluster.apps);
      expect(cluster.ztunnels.every(({ speaksFor }) => speaksFor.length === 1)).toBe(true);
    }
  });
});
