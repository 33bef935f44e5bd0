import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DerivedCluster } from '../../src/model/index.js';
import { VIEWER_ROLES } from '../../src/projection/index.js';
import { createSession, createViews, type Views } from '../../src/xds/index.js';
import { type Mesh, meshes, RUNS, souths, VIPS } from '../support/arbitraries.js';
import { type ClusterSketch, createCluster, modelOf } from '../support/derive.js';
import { AMBIENT, GLOBAL, type Manifest, namespace, pod, service } from '../support/objects.js';
import { ADDRESS, AUTHORIZATION, readOutgoing, request } from '../support/xds.js';

/** A namespace whose service stands behind the waypoint of another one. */
const far = fc
  .record({ isThere: fc.boolean(), isGlobal: fc.boolean(), ready: fc.boolean(), ip: fc.constantFrom(...VIPS) })
  .map(({ isThere, isGlobal, ready, ip }): readonly Manifest[] => {
    const bound = { 'istio.io/use-waypoint': 'waypoint', 'istio.io/use-waypoint-namespace': 'shop' };
    const labels = isGlobal ? { ...GLOBAL, ...bound } : bound;
    return isThere
      ? [
          namespace('far', AMBIENT),
          service('f', { namespace: 'far', labels, spec: { clusterIP: ip } }),
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

/** Half of the steps change nothing but the far namespaces: what others depend on besides themselves. */
const histories = fc
  .array(fc.record({ world: worlds, isFarOnly: fc.boolean() }), { minLength: 2, maxLength: 5 })
  .map((steps) => {
    const history: World[] = [];
    for (const { world, isFarOnly } of steps) {
      const last = history.at(-1);
      history.push(last && isFarOnly ? withFarOf(last, world) : world);
    }
    return history;
  });

function withFarOf(world: World, other: World): World {
  const isFar = ({ metadata }: Manifest) => JSON.stringify(metadata).includes('"far"');
  const mixed = (one: ClusterSketch, two: ClusterSketch) => ({
    ...one,
    objects: [...one.objects.filter((object) => !isFar(object)), ...two.objects.filter(isFar)],
  });
  return { ...world, east: mixed(world.east, other.east), west: mixed(world.west, other.west) };
}

/** Six, so that services get in each other's way. */
const FEW_VIPS = { family: 'ipv4', ip: '240.240.0.0', length: 29 } as const;

function publish(views: Views, ...clusters: readonly DerivedCluster[]): void {
  views.publish({ ...modelOf(...clusters), vipBlocks: [FEW_VIPS] });
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
      fc.property(histories, (steps) => {
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
      fc.property(histories, (steps) => {
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
