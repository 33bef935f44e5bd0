import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveCluster } from '../../src/model/index.js';
import { project, VIEWER_ROLES, type View } from '../../src/projection/index.js';
import { assembleGeneration, type Generation, parseFile } from '../../src/sources/index.js';
import { type EncodedView, encodeView } from '../../src/xds/encode.js';
import { createViews } from '../../src/xds/index.js';
import { meshes, RUNS, souths } from '../support/arbitraries.js';
import { type ClusterSketch, derive, modelOf, toYaml } from '../support/derive.js';
import type { Manifest } from '../support/objects.js';

/** A cluster's objects spread over files in some order. */
function read(files: readonly (readonly Manifest[])[]): Generation {
  const parsed = files.map((objects, index) => parseFile(`${index}.yaml`, toYaml(objects)));
  const assembled = assembleGeneration(parsed, { clusterDomain: 'cluster.local' });
  if (!assembled.ok) throw new Error('the arbitrary makes bad files');
  return assembled.generation;
}

function view(
  sketches: readonly { sketch: ClusterSketch; generation: Generation }[],
  role: (typeof VIEWER_ROLES)[number],
): View {
  const clusters = sketches.map(({ sketch, generation }) =>
    deriveCluster({
      ...sketch,
      trustDomain: 'cluster.local',
      clusterDomain: 'cluster.local',
      isLocal: sketch.id === 'east',
      objects: generation.objects,
    }),
  );
  return project({ clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])) }, { cluster: 'east', role });
}

/** Names with the hashes of their bytes, in the order they are sent. */
function fingerprint({ namespaces, policies }: EncodedView): unknown {
  return [...namespaces.values(), policies].map((resources) =>
    [...resources.values()].map(({ name, version }) => `${name}@${version}`),
  );
}

/** By the name of each cluster: the state that it comes to. */
type Arrival = 'east' | 'west' | 'south';

describe('what is served', () => {
  it('does not depend on the order in which clusters change', () => {
    const histories = fc.record({
      before: meshes,
      after: meshes,
      south: souths,
      order: fc.shuffledSubarray<Arrival>(['east', 'west', 'south'], { minLength: 3 }),
    });

    fc.assert(
      fc.property(histories, ({ before, after, south, order }) => {
        const end = { ...after, south };
        const served = (arrivals: readonly Arrival[]) => {
          const views = createViews('east');
          const clusters = new Map<Arrival, ClusterSketch>(Object.entries(before) as [Arrival, ClusterSketch][]);
          for (const arrival of arrivals) {
            clusters.set(arrival, end[arrival]);
            views.publish(modelOf(...[...clusters.values()].map((sketch) => derive(sketch, sketch.id === 'east'))));
            views.current('ztunnel');
          }
          const { address, authorization } = views.current('ztunnel')!.resources;
          return [...address.values(), ...authorization.values()].map(({ name, version }) => `${name}@${version}`);
        };

        expect(served(order)).toEqual(served(['east', 'west', 'south']));
      }),
      { ...RUNS, numRuns: 30 },
    );
  });

  it('does not depend on the order of files, objects or clusters: equal objects give equal bytes', () => {
    const shuffled = meshes.chain(({ east, west }) =>
      fc.record({
        east: fc.constant(east),
        west: fc.constant(west),
        eastOrder: fc.shuffledSubarray([...east.objects], { minLength: east.objects.length }),
        westOrder: fc.shuffledSubarray([...west.objects], { minLength: west.objects.length }),
        cut: fc.nat(30),
        role: fc.constantFrom(...VIEWER_ROLES),
      }),
    );

    fc.assert(
      fc.property(shuffled, ({ east, west, eastOrder, westOrder, cut, role }) => {
        const plain = [
          { sketch: east, generation: read([east.objects]) },
          { sketch: west, generation: read([west.objects]) },
        ];
        const mixed = [
          { sketch: west, generation: read([westOrder]) },
          { sketch: east, generation: read([eastOrder.slice(0, cut), eastOrder.slice(cut)]) },
        ];

        const [one, two] = [encodeView(view(plain, role)), encodeView(view(mixed, role))];

        expect(fingerprint(two)).toEqual(fingerprint(one));
      }),
      RUNS,
    );
  });
});
