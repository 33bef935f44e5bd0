/**
 * (model, viewer) -> resources. Pure; it alone decides what anyone may see. Namespace by namespace: what is seen of one
 * follows from its models in all clusters, the gateways between networks, and who the waypoints in front of it are. While
 * those are the same, the view of it is the same object as in the previous projection. Addresses for services that have none
 * here come last, because they follow from all namespaces together.
 */
import { type ClusterModel, isSameBasis, type Model, withAll } from '../model/index.js';
import { familiesOf } from './families.js';
import { gatewaysFor } from './gateways.js';
import { policiesOfIngress } from './ingress.js';
import { type Known, knownTo, type Scene } from './known.js';
import { overlapsOf } from './overlaps.js';
import { seenOf, seenOfGateways } from './seen.js';
import { type Allocation, type NamespaceView, sightOf, type View, type Viewer } from './types.js';
import { allocateVips, needsTheSame, usableBlocks, withVips } from './vips.js';

export function project(model: Model, viewer: Viewer, previous?: View): View {
  const own = model.clusters.get(viewer.cluster);
  if (!own) return assemble({ model, viewer }, new Map(), new Map());
  const scene = sceneOf(model, viewer, own, previous);
  const known = previous && knownTo(scene, model, previous);
  const past = previous && known ? { view: previous, ...known } : undefined;
  const namespaces = past?.isSameSet ? refreshed(scene, past) : seenInOrder(scene, past);
  const allocation = addressed(scene, model, namespaces, past ?? (previous && { view: previous }));
  return assemble({ model, viewer, overlaps: scene.overlaps, allocation }, namespaces, policiesFor(viewer, own));
}

/** The view before, and what of it stands. */
interface Past extends Known {
  readonly view: View;
}

type Namespaces = Map<string, NamespaceView>;

function seenInOrder(scene: Scene, past: Past | undefined): Namespaces {
  const namespaces: Namespaces = new Map();
  const before = (name: string) => (past?.stale.has(name) ? undefined : past?.view.namespaces.get(name));
  if (scene.gateways.length > 0) namespaces.set('', before('') ?? seenOfGateways(scene));
  for (const name of namesOf(scene)) namespaces.set(name, before(name) ?? seenOf(scene, name));
  return namespaces;
}

/** The namespaces are the same and in the same order; a change costs no look at the others. */
function refreshed(scene: Scene, { view, stale }: Past): Namespaces {
  const namespaces = new Map(view.namespaces);
  for (const name of stale) if (name !== '') namespaces.set(name, seenOf(scene, name));
  return namespaces;
}

/** Gives addresses to services that have none; namespaces that stand have theirs, as long as nobody else needs others. */
function addressed(
  { own }: Scene,
  model: Model,
  namespaces: Namespaces,
  past: (Pick<Past, 'view'> & Partial<Past>) | undefined,
): Allocation {
  const before = past?.view.origin.allocation;
  const blocks = usableBlocks(model.vipBlocks, familiesOf(own));
  const stale = past?.isSameSet && before && isSameBasis(before.blocks, blocks) ? [...(past.stale ?? [])] : undefined;
  const isKept = stale?.every((name) => needsTheSame(past?.view.namespaces.get(name), namespaces.get(name))) ?? false;
  const allocation = before && isKept ? before : allocateVips(blocks, namespaces.values(), before);
  for (const name of stale && isKept ? stale : [...namespaces.keys()]) {
    const view = namespaces.get(name);
    if (view) namespaces.set(name, withVips(view, own.network, allocation));
  }
  return allocation;
}

/** Policies are enforced where the inner tunnel ends, so never by an east-west gateway. */
function policiesFor({ role }: Viewer, own: ClusterModel): View['policies'] {
  const sight = sightOf(role);
  if (sight === 'mesh') return own.policies;
  return sight === 'ingress' ? policiesOfIngress(own) : NOTHING;
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

function sceneOf(model: Model, viewer: Viewer, own: ClusterModel, previous: View | undefined): Scene {
  const clusters = [...model.clusters.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    viewer,
    own,
    clusters,
    gateways: sightOf(viewer.role) === 'exports' ? [] : gatewaysFor(model, own.id, own.network),
    overlaps: overlapsOf(own, clusters, previous?.origin.overlaps),
    reserved: model.vipBlocks ?? [],
  };
}

function assemble(origin: View['origin'], namespaces: View['namespaces'], policies: View['policies']): View {
  return withAll(namespaces, { origin, namespaces, policies });
}

/** Under the empty name are objects of no namespace, none of which is seen. */
function namesOf({ clusters }: Scene): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { namespaces } of clusters) for (const name of namespaces.keys()) names.add(name);
  names.delete('');
  return names;
}
