/** Who looks, and what they see. */
import type { Authorization, Service, Workload } from '@isthmus/sdk/discovery';
import type { Model } from '../model/index.js';
import type { VipBlock } from '../vip-blocks.js';
import type { Overlaps } from './overlaps.js';

/**
 * What a role sees; roles of one sight see the same, so it is worked out, encoded and held once.
 *
 *   mesh      all that a workload of the cluster may reach, and the policies of the cluster
 *   exports   exported services and their members only, which makes an east-west gateway unable to serve anything else,
 *             whatever it is asked for
 *   ingress   what can be asked for by a host: services, their members here and the records for other networks; of policies
 *             those that bind ingress gateways
 */
const SIGHTS = { ztunnel: 'mesh', waypoint: 'mesh', router: 'exports', ingress: 'ingress' } as const;

/** `router` is an east-west gateway. */
export type ViewerRole = keyof typeof SIGHTS;
export type Sight = (typeof SIGHTS)[ViewerRole];
export const VIEWER_ROLES = Object.keys(SIGHTS) as readonly ViewerRole[];

export function sightOf(role: ViewerRole): Sight {
  return SIGHTS[role];
}

export interface Viewer {
  readonly cluster: string;
  readonly role: ViewerRole;
}

/** What a viewer sees of one namespace, of all clusters together. By xDS name, each map in the order of names. */
export interface NamespaceView {
  readonly services: ReadonlyMap<string, Service>;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Keys of services that nobody on the viewer's network gives an address, and that need one. */
  readonly strangers?: readonly string[];
  /** Addresses of that network that nobody else may be given. */
  readonly taken?: readonly string[];
}

/** Addresses for services that have none where they are seen. */
export interface Allocation {
  /** Those that are of use to the viewer's cluster. */
  readonly blocks: readonly VipBlock[];
  /** What it follows from: blocks, who needs an address, in the order of keys, and what is taken. */
  readonly basis: readonly string[];
  /** By key; one of each family at most. */
  readonly vips: ReadonlyMap<string, readonly string[]>;
}

export interface View {
  /** What it was made from; the next projection takes over what the same things still say. */
  readonly origin: {
    readonly model: Model;
    readonly viewer: Viewer;
    /** Of the viewer's network; absent where nothing is seen. */
    readonly overlaps?: Overlaps;
    readonly allocation?: Allocation;
  };
  /** Gateways, which no namespace of the viewer's has, are under the empty name. */
  readonly namespaces: ReadonlyMap<string, NamespaceView>;
  /** Of all namespaces. */
  readonly services: ReadonlyMap<string, Service>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly policies: ReadonlyMap<string, Authorization>;
}
