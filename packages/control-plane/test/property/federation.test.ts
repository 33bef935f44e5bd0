/** What a peer tells gives proxies the same as reading its objects would. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { decodeAddress, encodeService, encodeWorkload, type ResourceModel } from '@isthmus/sdk/discovery';
import { workloadPb } from '@isthmus/sdk/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportView } from '../../src/federation/exports.js';
import { createImports } from '../../src/federation/imports.js';
import type { ClusterModel } from '../../src/model/index.js';
import { project, type View } from '../../src/projection/index.js';
import { meshes, RUNS } from '../support/arbitraries.js';
import { derive, onlyWorkload } from '../support/derive.js';
import { pod } from '../support/objects.js';

const PEER = { cluster: 'west', network: 'network-2', trustDomain: 'cluster.local', roots: '', address: 'west:15013' };

const EVERYTHING = { distance: 'other network', scope: undefined } as const;

/** Through the bytes that travel. */
function overTheWire({ services, workloads }: View): readonly ResourceModel[] {
  const addresses = [
    ...[...services.values()].map((value) => ({ case: 'service', value: encodeService(value) }) as const),
    ...[...workloads.values()].map((value) => ({ case: 'workload', value: encodeWorkload(value) }) as const),
  ];
  return addresses.map((type) => {
    const bytes = toBinary(workloadPb.AddressSchema, { $typeName: 'istio.workload.Address', type });
    const decoded = decodeAddress(fromBinary(workloadPb.AddressSchema, bytes));
    if (!decoded.ok) throw new Error(JSON.stringify(decoded));
    return decoded.value as ResourceModel;
  });
}

function imported(cluster: ClusterModel) {
  const imports = createImports(PEER);
  imports.apply({ upserts: overTheWire(exportView(cluster, EVERYTHING, undefined)), removals: [] });
  return imports;
}

function seenFromEast(...clusters: readonly ClusterModel[]) {
  const model = { clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])) };
  const { services, workloads } = project(model, { cluster: 'east', role: 'ztunnel' });
  return { services, workloads };
}

describe('a cluster known through its control plane', () => {
  it('looks the same from another network as one whose objects are read', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const [own, other] = [derive(east), derive(west, false)];

        const told = seenFromEast(own, imported(other).model());

        expect(told).toEqual(seenFromEast(own, other));
      }),
      RUNS,
    );
  });

  it('tells neither addresses of pods nor names that are not exported, nor services that are not', () => {
    fc.assert(
      fc.property(meshes, ({ west }) => {
        const cluster = derive(west, false);

        const view = exportView(cluster, EVERYTHING, undefined);

        const told = JSON.stringify([...view.services, ...view.workloads]);
        const exported = [...cluster.services.values()].filter(({ scope }) => scope === 'global');
        // A ServiceEntry's endpoints bear its name, and pods of exported headless Services are services by theirs.
        const exportedNames = new Set(exported.map(({ name }) => name));
        for (const { name, addresses } of cluster.workloads.values()) {
          for (const secret of [name, ...addresses].filter((each) => !exportedNames.has(each)))
            expect(told).not.toContain(`"${secret}"`);
        }
        expect([...view.services.keys()]).toEqual(exported.map(({ key }) => key).sort());
      }),
      RUNS,
    );
  });

  it('leaves nothing behind when all of it is removed', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const [own, other] = [derive(east), derive(west, false)];
        const imports = imported(other);
        const view = exportView(other, EVERYTHING, undefined);
        const names = [...view.services.keys(), ...view.workloads.keys()];

        imports.apply({ upserts: [], removals: names.map((name) => ({ type: 'address', name })) });

        expect(imports.records).toEqual({ services: 0, workloads: 0, gateways: 0 });
        expect(seenFromEast(own, imports.model())).toEqual(seenFromEast(own));
      }),
      RUNS,
    );
  });
});

describe('a peer that claims what is not its own', () => {
  const cluster = derive({ id: 'west', network: 'network-2', objects: [] }, false);
  const some = onlyWorkload(derive({ id: 'west', network: 'network-2', objects: [pod('a-1')] }, false));
  const workload = { uid: 'west//Pod/shop/a', clusterId: 'west', network: 'network-2', trustDomain: 'cluster.local' };
  it.each([
    ['a uid of another cluster', { ...workload, uid: 'east//Pod/shop/a' }, /no uid of cluster west/],
    ['another cluster', { ...workload, clusterId: 'east' }, /of cluster east; the peer speaks for west/],
    [
      'another network',
      { ...workload, network: 'network-1' },
      /on network network-1; the peer was added for network-2/,
    ],
    ['another trust domain', { ...workload, trustDomain: 'evil.org' }, /trust domain evil\.org/],
  ])('is not believed: %s', (_, claim, problem) => {
    const imports = imported(cluster);
    const value = { ...some, ...claim };

    imports.apply({ upserts: [{ kind: 'workload', value }], removals: [] });

    expect(imports.records.workloads).toBe(0);
    expect(imports.problems).toEqual([expect.stringMatching(problem)]);
  });
});
