import { describe, expect, it } from 'vitest';
import { localAt, localWorkloads } from '../../../src/roles/local-workloads.js';
import { storeOf, workload } from '../../support/model.js';

const SHARED = {
  mode: 'shared',
  workload: undefined,
  nodeName: 'node-a',
  clusterId: 'east',
  network: 'network-1',
} as const;
const names = (own: Parameters<typeof localWorkloads>[1]) =>
  localWorkloads(
    storeOf({
      workloads: [
        workload({ name: 'storefront' }),
        workload({ name: 'reviews', node: 'node-b' }),
        workload({ name: 'waypoint', nativeTunnel: true }),
        workload({ name: 'legacy', tunnelProtocol: 'none' }),
        workload({ name: 'cni', networkMode: 'host' }),
        workload({ name: 'remote', clusterId: 'west' }),
        workload({ name: 'elsewhere', network: 'network-2' }),
      ],
    }).snapshot,
    own,
  )
    .map(({ name }) => name)
    .sort();

describe('local workloads', () => {
  it('are, in shared mode, the HBONE workloads of the node in this cluster and network', () => {
    expect(names(SHARED)).toEqual(['storefront']);
  });

  it('are all of the cluster when no node is named, as with ztunnel', () => {
    expect(names({ ...SHARED, nodeName: undefined })).toEqual(['reviews', 'storefront']);
  });

  it('are, in dedicated mode, the one that is named, with the account that was named', () => {
    const dedicated = { ...SHARED, mode: 'dedicated' } as const;

    const right = names({
      ...dedicated,
      workload: { namespace: 'shop', name: 'waypoint', serviceAccount: 'waypoint' },
    });
    const wrongAccount = names({
      ...dedicated,
      workload: { namespace: 'shop', name: 'waypoint', serviceAccount: 'admin' },
    });

    expect(right).toEqual(['waypoint']);
    expect(wrongAccount).toEqual([]);
  });
});

describe('the workload of a captured connection', () => {
  const locals = [
    workload({ name: 'storefront', addresses: ['10.0.0.1', 'fd00::1'] }),
    workload({ name: 'reviews', addresses: ['10.0.0.2'] }),
  ];
  const whose = (ip: string, mode: 'shared' | 'dedicated', of = locals) => localAt(of, ip, { mode })?.name;

  it('is, in shared mode, the one that has the address, and nobody where none has', () => {
    const found = ['10.0.0.2', 'fd00::1', '10.0.0.3', '127.0.0.1'].map((ip) => whose(ip, 'shared'));

    expect(found).toEqual(['reviews', 'storefront', undefined, undefined]);
  });

  it('is, in dedicated mode, the one there is, whatever the address, and nobody before it is known', () => {
    expect(whose('127.0.0.1', 'dedicated', locals.slice(0, 1))).toBe('storefront');
    expect(whose('10.0.0.1', 'dedicated', [])).toBeUndefined();
  });
});
