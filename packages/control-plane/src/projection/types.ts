/** Who looks, and what they see. */
import type { Authorization, Service, Workload } from '@isthmus/sdk/discovery';

/**
 * `router` is an east-west gateway; it sees exported services and their members only, which makes it unable to serve
 * anything else, whatever it is asked for.
 */
export const VIEWER_ROLES = ['ztunnel', 'waypoint', 'router'] as const;
export type ViewerRole = (typeof VIEWER_ROLES)[number];

export interface Viewer {
  readonly cluster: string;
  readonly role: ViewerRole;
}

/** What a viewer sees of one namespace, of all clusters together. By xDS name, each map in the order of names. */
export interface NamespaceView {
  readonly services: ReadonlyMap<string, Service>;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** All that it was made from; equal parts make an equal view. */
  readonly basis: readonly unknown[];
}

export interface View {
  /** Gateways, which no namespace of the viewer's has, are under the empty name. */
  readonly namespaces: ReadonlyMap<string, NamespaceView>;
  /** Of all namespaces. */
  readonly services: ReadonlyMap<string, Service>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly policies: ReadonlyMap<string, Authorization>;
}
