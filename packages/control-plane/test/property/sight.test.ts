/**
 * No viewer ever sees a resource that it may not use. What it may use is said here once more, from labels and places alone;
 * each resource of each view has to be accounted for.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterModel, ServiceRecord } from '../../src/model/index.js';
import { project, VIEWER_ROLES, type View, type ViewerRole } from '../../src/projection/index.js';
import { type Mesh, meshes, RUNS, souths } from '../support/arbitraries.js';
import { type ClusterSketch, derive, modelOf } from '../support/derive.js';

interface World extends Mesh {
  readonly south: ClusterSketch;
}

const worlds: fc.Arbitrary<World> = fc
  .record({ mesh: meshes, south: souths })
  .map(({ mesh, south }) => ({ ...mesh, south }));

interface Eyes {
  readonly role: ViewerRole;
  readonly own: ClusterModel;
  readonly clusters: readonly ClusterModel[];
  readonly view: View;
}

function* looks({ east, west, south }: World): Generator<Eyes> {
  for (const viewer of [east, west, south]) {
    const clusters = [east, west, south].map((sketch) => derive(sketch, sketch === viewer));
    const own = clusters.find(({ id }) => id === viewer.id)!;
    for (const role of VIEWER_ROLES) {
      yield { role, own, clusters, view: project(modelOf(...clusters), { cluster: own.id, role }) };
    }
  }
}

/** Whether members of that record may be told of to the viewer. */
function mayUse({ role, own }: Eyes, { id, network }: ClusterModel, { key, scope }: ServiceRecord): boolean {
  // Who keeps a headless Service keeps the names of its pods.
  const kept = [key, key.replace(/\/d-\d\./, '/')].some((name) => own.services.get(name)?.scope === 'local');
  if (role !== 'router') return id === own.id || (scope === 'global' && !kept);
  return scope === 'global' && !kept && network === own.network;
}

function ownersOf(eyes: Eyes, key: string): readonly ClusterModel[] {
  return eyes.clusters.filter((cluster) => {
    const record = cluster.services.get(key);
    return record !== undefined && mayUse(eyes, cluster, record);
  });
}

const isGateway = ({ uid }: Workload) => uid.startsWith('NetworkGateway/');
const isStandIn = ({ uid }: Workload) => uid.includes('/SplitHorizonWorkload/');
const isIngress = ({ uid }: Workload) => uid.endsWith('/shop/ingress-1');

function mayKnow(eyes: Eyes, workload: Workload): boolean {
  const { role, own, clusters } = eyes;
  const keys = [...workload.services.keys()];
  if (isGateway(workload)) return role !== 'router' && workload.network !== own.network;
  if (isStandIn(workload)) {
    const isThere = ({ network }: ClusterModel) => network === workload.network;
    return role !== 'router' && keys.length === 1 && keys.every((key) => ownersOf(eyes, key).some(isThere));
  }
  const home = clusters.find(({ id }) => id === workload.clusterId);
  if (workload.network !== own.network || !home?.workloads.has(workload.uid)) return false;
  if (!keys.every((key) => ownersOf(eyes, key).includes(home))) return false;
  const isOfUse = keys.length > 0 || (role === 'ingress' && home === own && isIngress(workload));
  return role === 'ztunnel' || role === 'waypoint' || isOfUse;
}

function mayEnforce({ role, own, view }: Eyes, key: string): boolean {
  if (role === 'router' || !own.policies.has(key)) return false;
  if (role !== 'ingress') return true;
  const gateway = view.workloads.get(`${own.id}//Pod/shop/ingress-1`);
  const { scope, namespace } = own.policies.get(key)!;
  const isSelected = gateway?.authorizationPolicies.includes(key) ?? false;
  return gateway !== undefined && (scope === 'global' || (scope === 'namespace' && namespace === 'shop') || isSelected);
}

describe('no viewer ever sees a resource that it may not use', () => {
  it('whatever its role: services, workloads, policies, and what they name', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        for (const eyes of looks(world)) {
          const { role, own, view } = eyes;
          const who = `${role} of ${own.id}`;
          for (const key of view.services.keys()) expect(ownersOf(eyes, key).length, `${who}: ${key}`).not.toBe(0);
          for (const workload of view.workloads.values())
            expect(mayKnow(eyes, workload), `${who}: ${workload.uid}`).toBe(true);
          for (const key of view.policies.keys()) expect(mayEnforce(eyes, key), `${who}: ${key}`).toBe(true);
          const named = [...view.workloads.values()].flatMap(({ authorizationPolicies }) => authorizationPolicies);
          expect(named.filter((key) => !view.policies.has(key), who)).toEqual([]);
        }
      }),
      { ...RUNS, numRuns: 30 },
    );
  });

  it('and what it may use it sees: members of its services here, and every policy that binds it', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        for (const eyes of looks(world)) {
          const { role, own, clusters, view } = eyes;
          for (const cluster of clusters.filter(({ network }) => network === own.network)) {
            for (const { uid, services } of cluster.workloads.values()) {
              const usable = [...services.keys()].filter((key) => ownersOf(eyes, key).includes(cluster));
              const isSeen = view.workloads.has(uid);
              // Of pods of one name only one is a member of the service by that name.
              const isPlain = usable.some((key) => !key.includes('/d-'));
              if (isPlain) expect(isSeen, `${role} of ${own.id}: ${uid}`).toBe(true);
            }
          }
          const bound = role === 'router' ? [] : [...own.policies.keys()].filter((key) => mayEnforce(eyes, key));
          expect([...view.policies.keys()].sort()).toEqual(bound.sort());
        }
      }),
      { ...RUNS, numRuns: 30 },
    );
  });
});
