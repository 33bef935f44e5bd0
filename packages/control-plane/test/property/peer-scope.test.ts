/** What peers are sent, whatever happens in what order, is within what each of them may know. */
import { fromBinary } from '@bufbuild/protobuf';
import { workloadPb } from '@isthmus/sdk/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createExporter } from '../../src/federation/exporter.js';
import type { ScopeConfig } from '../../src/mesh-config.js';
import { createSession, type Session, type VersionedView } from '../../src/xds/index.js';
import { meshes, RUNS } from '../support/arbitraries.js';
import { createCluster } from '../support/derive.js';
import type { Manifest } from '../support/objects.js';
import { ADDRESS, AUTHORIZATION, readOutgoing, request } from '../support/xds.js';

const NAMES = ['a', 'b', 'd', 'api', 'waypoint'] as const;
type Tiers = Readonly<Record<(typeof NAMES)[number], 'x' | 'y' | undefined>>;
interface Metadata {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

const tiers: fc.Arbitrary<Tiers> = fc.record({
  a: fc.constantFrom('x', 'y', undefined),
  b: fc.constantFrom('x', 'y', undefined),
  d: fc.constantFrom('x', 'y', undefined),
  api: fc.constantFrom('x', 'y', undefined),
  waypoint: fc.constantFrom('x', undefined),
});

const selector = (labels: Readonly<Record<string, string>>) => ({ matchLabels: labels, matchExpressions: [] });
const selectors = fc.record({
  namespaceSelector: fc.constantFrom(selector({}), selector({ team: 'p' })),
  servicesSelector: fc.constantFrom(selector({}), selector({ tier: 'x' }), selector({ tier: 'y' })),
});
const configs: fc.Arbitrary<readonly ScopeConfig[]> = fc.array(
  fc
    .record({
      by: selectors,
      scope: fc.constantFrom('GLOBAL', 'GLOBAL', 'LOCAL'),
      except: fc.array(selectors, { maxLength: 1 }),
    })
    .map(({ by, scope, except }) => ({ ...by, scope, except })),
  { maxLength: 2 },
);

/** A world: objects as of `meshes`, with the labels that scopes look at. */
const worlds = fc.record({ mesh: meshes, tiers, team: fc.constantFrom('p', 'q') }).map(({ mesh, tiers, team }) => ({
  ...mesh.west,
  objects: mesh.west.objects.map((object) => labelled(object, tiers, team)),
}));
type World = Parameters<ReturnType<typeof createCluster>>[0];

function labelled(object: Manifest, byName: Tiers, team: string): Manifest {
  const metadata = object.metadata as Metadata;
  const tier = byName[metadata.name as keyof Tiers];
  const isService = object.kind === 'Service' || object.kind === 'ServiceEntry';
  const more = object.kind === 'Namespace' ? { team } : isService && tier ? { tier } : {};
  return { ...object, metadata: { ...metadata, labels: { ...metadata.labels, ...more } } };
}

/** By the objects alone: the hosts that a peer with that scope may know. Undefined: no scope of its own. */
function allowed({ objects }: World, scope: readonly ScopeConfig[] | undefined): ReadonlySet<string> {
  const all = objects.map((object) => ({ kind: object.kind, ...(object.metadata as Metadata) }));
  const team = all.find(({ kind, name }) => kind === 'Namespace' && name === 'shop')?.labels ?? {};
  const has = ({ matchLabels }: { matchLabels: Readonly<Record<string, string>> }, labels: Metadata['labels']) =>
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  const isSelected = (each: Pick<ScopeConfig, 'namespaceSelector' | 'servicesSelector'>, labels: Metadata['labels']) =>
    has(each.namespaceSelector, team) && has(each.servicesSelector, labels);
  const isTold = (labels: Metadata['labels']) => {
    if (!scope) return true;
    const exporting = scope.filter((config) => config.scope === 'GLOBAL' && isSelected(config, labels));
    return exporting.length > 0 && !exporting.some(({ except }) => except.some((each) => isSelected(each, labels)));
  };
  const services = all.filter(({ kind }) => kind === 'Service' || kind === 'ServiceEntry');
  const isExported = ({ labels }: Metadata) => labels['istio.io/global'] === 'true';
  const isBound = ({ labels }: Metadata) => labels['istio.io/use-waypoint'] === 'waypoint';
  const told = services.filter((each) => isExported(each) && isTold(each.labels));
  // A waypoint goes where something behind it goes; and, being exported with any service, where its own labels say.
  const waypoints = services.filter(
    (each) =>
      each.name === 'waypoint' &&
      (told.some(isBound) || (services.some((other) => isExported(other) && isBound(other)) && isTold(each.labels))),
  );
  return new Set([...told, ...waypoints].map(({ name }) => name));
}

/** The Service or ServiceEntry that a resource is of, by its key. */
function hostOf(key: string): string {
  const host = key.slice(key.indexOf('/') + 1);
  if (host === 'api.example.com') return 'api';
  const labels = host.split('.');
  // <service>.<namespace>.svc.cluster.local, or a pod's name before it.
  return labels.at(-5) ?? '';
}

interface Held {
  readonly names: Set<string>;
}

/** Takes at most `count` responses and looks at each. */
function take(session: Session, view: VersionedView, held: Held, count: number, may: ReadonlySet<string>): void {
  for (let taken = 0; taken < count; taken++) {
    const outgoing = session.next(view);
    if (!outgoing) return;
    const { message, removed } = readOutgoing(outgoing);
    for (const { name, resource } of message.resources) {
      held.names.add(name);
      // Gateways into the network are told to everybody.
      if (name.startsWith('NetworkGateway/')) continue;
      const { type } = fromBinary(workloadPb.AddressSchema, resource?.value ?? new Uint8Array());
      const keys = type.case === 'workload' ? Object.keys(type.value.services) : [name];
      expect(keys).not.toEqual([]);
      for (const key of keys) expect(may).toContain(hostOf(key));
    }
    for (const name of removed) held.names.delete(name);
  }
}

function openSession(held: Held): Session {
  const session = createSession({ id: 's', maxResponseBytes: 1 });
  session.receive(
    request(ADDRESS, { initialResourceVersions: Object.fromEntries([...held.names].map((name) => [name, 'old'])) }),
  );
  return session;
}

const NO_RESPONSE = { type: undefined, message: undefined, removed: [] };

const PEERS = [
  { cluster: 'north', network: 'network-3' },
  { cluster: 'south', network: 'network-2' },
  { cluster: 'open', network: 'network-4' },
] as const;

const story = fc.record({
  scopes: fc.record({ north: configs, south: configs }),
  steps: fc.array(
    fc.record({
      world: worlds,
      taken: fc.tuple(fc.nat(6), fc.nat(6), fc.nat(6)),
      reconnects: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

describe('a peer with a scope of its own', () => {
  it('is never sent anything beyond it, and in the end knows all that is within it', () => {
    fc.assert(
      fc.property(story, ({ scopes, steps }) => {
        const exporter = createExporter(
          Object.entries(scopes).map(([peer, serviceScopeConfigs]) => ({ peer, serviceScopeConfigs })),
        );
        const cluster = createCluster(true);
        const peers = PEERS.map((peer) => {
          const held: Held = { names: new Set() };
          const scope = peer.cluster === 'open' ? undefined : scopes[peer.cluster];
          return { peer, scope, held, session: openSession(held) };
        });
        const view = (index: number) => exporter.current(exporter.audienceOf(PEERS[index]!))!;

        for (const { world, taken, reconnects } of steps) {
          exporter.publish(cluster(world));
          for (const [index, each] of peers.entries()) {
            if (reconnects[index]) each.session = openSession(each.held);
            take(each.session, view(index), each.held, taken[index]!, allowed(world, each.scope));
          }
        }

        const { world } = steps.at(-1)!;
        for (const [index, { session, held, scope }] of peers.entries()) {
          const may = allowed(world, scope);
          take(session, view(index), held, Number.POSITIVE_INFINITY, may);
          const services = [...held.names].filter((name) => /^shop\//.test(name));
          expect(new Set(services.map(hostOf))).toEqual(may);
        }
      }),
      RUNS,
    );
  });

  it('is answered about policies last: then it has all there is, however small the pieces and whatever changes meanwhile', () => {
    fc.assert(
      fc.property(worlds, worlds, fc.nat(5), (world, next, taken) => {
        const exporter = createExporter([]);
        const audience = exporter.audienceOf({ cluster: 'open', network: 'network-3' });
        const cluster = createCluster(true);
        const session = openSession({ names: new Set() });
        session.receive(request(AUTHORIZATION));
        const names = new Set<string>();
        const receive = () => {
          const outgoing = session.next(exporter.current(audience)!);
          const { type, message, removed } = outgoing ? readOutgoing(outgoing) : { ...NO_RESPONSE };
          for (const { name } of message?.resources ?? []) names.add(name);
          for (const name of removed) names.delete(name);
          return type;
        };
        exporter.publish(cluster(world));
        let last = receive();
        for (let count = 0; count < taken && last === 'address'; count++) last = receive();

        if (last === 'address') exporter.publish(cluster(next));
        while (last === 'address') last = receive();

        const { view } = exporter.current(audience)!;
        expect(last).toBe('authorization');
        expect([...names].sort()).toEqual([...view.services.keys(), ...view.workloads.keys()].sort());
      }),
      RUNS,
    );
  });

  it('is never told more than one without', () => {
    fc.assert(
      fc.property(worlds, configs, (world, serviceScopeConfigs) => {
        const exporter = createExporter([{ peer: 'north', serviceScopeConfigs }]);
        exporter.publish(createCluster(true)(world));

        const narrow = exporter.current(exporter.audienceOf({ cluster: 'north', network: 'network-3' }))!;
        const wide = exporter.current(exporter.audienceOf({ cluster: 'open', network: 'network-3' }))!;

        const all = [...wide.view.services.keys()];
        expect([...narrow.view.services.keys()].filter((key) => !all.includes(key))).toEqual([]);
      }),
      RUNS,
    );
  });
});
