/**
 * Who answers when a client of one cluster asks: the plans of every proxy on the way, each made from what its own control
 * plane sends it. All choices are followed, so what is not among the answers cannot be reached by luck either.
 */
import { createStore, type ResourceModel, type Snapshot, type Workload } from '@isthmus/sdk/discovery';
import {
  identityOf,
  type OutboundTarget,
  type Plan,
  planGateway,
  planInbound,
  planOutbound,
  planWaypoint,
  planWaypointUpstream,
} from '@isthmus/sdk/routing';
import { project, type View, type ViewerRole } from '../../src/projection/index.js';
import { type ClusterSketch, derive, modelOf } from './derive.js';

export interface Reach {
  /** Uids of pods. */
  readonly answers: ReadonlySet<string>;
  /** Reasons. */
  readonly refusals: ReadonlySet<string>;
  /** Whether any way passed a gateway, or a waypoint of another cluster. */
  readonly crossed: boolean;
}

export interface Asker {
  readonly role: ViewerRole;
  /** Of namespace `shop`. */
  readonly pod: string;
}

/** A mesh of proxies that know what their control planes send. */
export interface Proxies {
  view(cluster: string, role: ViewerRole): View;
  /** From the pod `client-1` of that cluster and its ztunnel, or who else asks. */
  reach(cluster: string, target: OutboundTarget, asker?: Asker): Reach;
}

/** Of [0, 1), which every choice among at most five equals is reached by. */
const CHANCES = [0.05, 0.25, 0.45, 0.65, 0.95];

type Landing = { readonly uid: string } | { readonly refused: string } | 'crossed';

export function proxiesOf(...sketches: readonly ClusterSketch[]): Proxies {
  const model = modelOf(...sketches.map((sketch) => derive(sketch)));
  const views = new Map<string, { readonly view: View; readonly snapshot: Snapshot }>();
  const at = (cluster: string, role: ViewerRole) => {
    const key = `${role} ${cluster}`;
    const known = views.get(key) ?? seen(project(model, { cluster, role }));
    views.set(key, known);
    return known;
  };
  const networkOf = (cluster: string) => model.clusters.get(cluster)?.network ?? '';

  function* follow(plan: Plan, client: Workload, network: string): Generator<Landing> {
    if (plan.kind === 'refuse') yield { refused: plan.reason };
    else if (plan.kind === 'direct') yield { uid: plan.destination?.uid ?? plan.address.host };
    else if (plan.kind === 'tunnel') {
      if (plan.destination.clusterId !== client.clusterId && plan.via === 'waypoint') yield 'crossed';
      yield* arrive(plan.destination, plan.authority, client, network);
    } else {
      yield 'crossed';
      yield* throughGateway(plan.outer.workload, plan.authority, client, network);
      for (const other of plan.alternatives) yield* follow(other, client, network);
    }
  }

  function* throughGateway(gateway: Workload | undefined, authority: string, client: Workload, from: string) {
    if (!gateway) throw new Error('a gateway without a record');
    const { network, clusterId } = gateway;
    const { snapshot } = at(clusterId, 'router');
    for (const chance of CHANCES) {
      const random = () => chance;
      const plan = planGateway(snapshot, { network, authority, sourceIdentity: identityOf(client), random });
      if (plan.kind === 'refuse') yield { refused: plan.reason };
      else if (plan.destination) yield* arrive(plan.destination, authority, client, from);
    }
  }

  function* arrive(there: Workload, authority: string, client: Workload, from: string): Generator<Landing> {
    const network = networkOf(there.clusterId);
    const isWaypoint = there.uid.includes('/waypoint-');
    const { snapshot } = at(there.clusterId, isWaypoint ? 'waypoint' : 'ztunnel');
    const local = snapshot.workload(there.uid);
    if (!local) throw new Error(`${there.uid} is not known to its own control plane`);
    if (isWaypoint) {
      const destination = planWaypoint(snapshot, { waypoint: local, network, authority });
      if (destination.kind === 'refuse') return yield { refused: destination.reason };
      const arrival = from === network ? 'local' : 'remote-network';
      for (const chance of CHANCES) {
        const random = () => chance;
        const plan = planWaypointUpstream(snapshot, { waypoint: local, network, destination, arrival, random });
        yield* follow(plan, local, network);
      }
      return;
    }
    const plan = planInbound(snapshot, {
      local,
      localAddress: local.addresses[0] ?? '',
      network,
      authority,
      peerIdentity: identityOf(client),
      forwardedNetwork: from,
    });
    yield plan.kind === 'refuse' ? { refused: plan.reason } : { uid: local.uid };
  }

  return {
    view: (cluster, role) => at(cluster, role).view,
    reach(cluster, target, { role, pod } = { role: 'ztunnel', pod: 'client-1' }) {
      const { snapshot } = at(cluster, role);
      const source = snapshot.workload(`${cluster}//Pod/shop/${pod}`);
      if (!source) throw new Error(`no client in ${cluster}`);
      const network = networkOf(cluster);
      const plans = CHANCES.map((chance) => planOutbound(snapshot, { source, network, target, random: () => chance }));
      const landings = plans.flatMap((plan) => [...follow(plan, source, network)]);
      return {
        answers: new Set(landings.flatMap((each) => (each !== 'crossed' && 'uid' in each ? [each.uid] : []))),
        refusals: new Set(landings.flatMap((each) => (each !== 'crossed' && 'refused' in each ? [each.refused] : []))),
        crossed: landings.includes('crossed'),
      };
    },
  };
}

function seen(view: View) {
  return { view, snapshot: snapshotOf(view) };
}

/** What a proxy makes of a view. */
export function snapshotOf(view: View): Snapshot {
  const upserts: ResourceModel[] = [
    ...[...view.services.values()].map((value) => ({ kind: 'service', value }) as const),
    ...[...view.workloads.values()].map((value) => ({ kind: 'workload', value }) as const),
    ...[...view.policies.values()].map((value) => ({ kind: 'policy', value }) as const),
  ];
  return createStore().apply({ upserts, removals: [] });
}
