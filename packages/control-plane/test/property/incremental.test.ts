import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DerivedCluster, deriveCluster } from '../../src/model/index.js';
import { VIEWER_ROLES } from '../../src/projection/index.js';
import { groupObjects, type KubeObject, type ObjectsByNamespace, parseFile } from '../../src/sources/index.js';
import { createSession, createViews, type Views } from '../../src/xds/index.js';
import { type Mesh, meshes, RUNS, souths } from '../support/arbitraries.js';
import { type ClusterSketch, modelOf, toYaml } from '../support/derive.js';
import { AMBIENT, GLOBAL, type Manifest, namespace, pod, service } from '../support/objects.js';
import { ADDRESS, AUTHORIZATION, readOutgoing, request } from '../support/xds.js';

/** A namespace whose service stands behind the waypoint of another one. */
const far = fc
  .record({ isThere: fc.boolean(), isGlobal: fc.boolean(), ready: fc.boolean() })
  .map(({ isThere, isGlobal, ready }): readonly Manifest[] => {
    const bound = { 'istio.io/use-waypoint': 'waypoint', 'istio.io/use-waypoint-namespace': 'shop' };
    const labels = isGlobal ? { ...GLOBAL, ...bound } : bound;
    return isThere
      ? [
          namespace('far', AMBIENT),
          service('f', { namespace: 'far', labels }),
          pod('f-1', { namespace: 'far', ip: '10.9.9.9', ready }),
        ]
      : [];
  });

interface World extends Mesh {
  readonly south: ClusterSketch;
}

const worlds = fc
  .record({ mesh: meshes, south: souths, east: far, west: far })
  .map(({ mesh, south, east, west }): World => {
    const withFar = (sketch: ClusterSketch, more: readonly Manifest[]) => ({
      ...sketch,
      objects: [...sketch.objects, ...more],
    });
    return { east: withFar(mesh.east, east), west: withFar(mesh.west, west), south };
  });

/** Clusters that take over what did not change, as the program does. */
function createCluster(isLocal: boolean) {
  const parsed = new Map<string, KubeObject>();
  let objects: ObjectsByNamespace | undefined;
  let derived: DerivedCluster | undefined;
  const parse = (manifest: Manifest): KubeObject => {
    const text = toYaml([manifest]);
    const object = parsed.get(text) ?? parseFile('a.yaml', text).objects[0]!;
    parsed.set(text, object);
    return object;
  };
  return ({ id, network, objects: manifests }: ClusterSketch): DerivedCluster => {
    objects = groupObjects(manifests.map(parse), objects);
    const frame = { id, network, trustDomain: 'cluster.local', clusterDomain: 'cluster.local', isLocal };
    derived = deriveCluster({ ...frame, objects }, derived);
    return derived;
  };
}

function publish(views: Views, ...clusters: readonly DerivedCluster[]): void {
  views.publish(modelOf(...clusters));
}

function everything(views: Views): unknown {
  return VIEWER_ROLES.map((role) => {
    const { resources } = views.current(role)!;
    return [...resources.address.values(), ...resources.authorization.values()].map(
      ({ name, version }) => `${name}@${version}`,
    );
  });
}

/** Each makes everything twice, for every role and after every step. */
const FEWER_RUNS = { ...RUNS, numRuns: 25 };

describe('what is made from changes', () => {
  it('is what would be made from nothing, after every change', () => {
    fc.assert(
      fc.property(fc.array(worlds, { minLength: 2, maxLength: 5 }), (steps) => {
        const [east, west, south] = [createCluster(true), createCluster(false), createCluster(false)];
        const views = createViews('east');

        for (const step of steps) {
          publish(views, east(step.east), west(step.west), south(step.south));
          const fresh = createViews('east');
          publish(fresh, ...[step.east, step.west, step.south].map((each) => createCluster(each.id === 'east')(each)));

          expect(everything(views)).toEqual(everything(fresh));
        }
      }),
      FEWER_RUNS,
    );
  });

  it('reaches a subscriber whole when it is told of changes only', () => {
    fc.assert(
      fc.property(fc.array(worlds, { minLength: 2, maxLength: 5 }), (steps) => {
        const [east, west, south] = [createCluster(true), createCluster(false), createCluster(false)];
        const views = createViews('east');
        const session = createSession({ id: 's', maxResponseBytes: 300 });
        for (const type of [ADDRESS, AUTHORIZATION]) session.receive(request(type));
        const held = new Map<string, string>();

        for (const step of steps) {
          publish(views, east(step.east), west(step.west), south(step.south));
          const view = views.current('ztunnel')!;
          for (let next = session.next(view); next; next = session.next(view)) {
            const { message, removed } = readOutgoing(next);
            for (const { name, version } of message.resources) held.set(name, version);
            for (const name of removed) held.delete(name);
          }
        }

        const { address, authorization } = views.current('ztunnel')!.resources;
        const newest = [...address.values(), ...authorization.values()].map(({ name, version }) => [name, version]);
        expect([...held].sort()).toEqual(newest.sort());
      }),
      RUNS,
    );
  });
});
