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

/** Resources by xDS name, each map in the order of names. */
export interface View {
  readonly services: ReadonlyMap<string, Service>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly policies: ReadonlyMap<string, Authorization>;
}
