/**
 * Who may call a workload that has to be reached through its waypoint: pure. A workload has to be when it has a waypoint of
 * its own, or when every service it is a member of has one; with one service that has none, a direct caller may have meant
 * that service, and nobody at this end can tell.
 *
 * Not enforced unless asked for (REQUIRE_WAYPOINT): Istio's ingress gateways go around waypoints by default, and nothing in
 * a certificate says that its holder is one.
 */
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import { waypointIdentities } from '@isthmus/sdk/routing';

/** SPIFFE URIs of the waypoints, one of which the caller has to be; undefined where there is nothing to come through. */
export type Doorkeepers = (snapshot: Snapshot, workload: Workload) => ReadonlySet<string> | undefined;

/** Anybody may call directly. */
export const noDoorkeepers: Doorkeepers = () => undefined;

export const itsWaypoints: Doorkeepers = (snapshot, workload) => {
  const services = [...workload.services.keys()].flatMap((key) => snapshot.service(key) ?? []);
  const fronted = services.filter(({ waypoint, weightedWaypoints }) => waypoint ?? weightedWaypoints?.length);
  const isRequired = workload.waypoint !== undefined || (services.length > 0 && fronted.length === services.length);
  if (!isRequired) return undefined;
  return new Set([workload, ...fronted].flatMap((bound) => waypointIdentities(snapshot, bound)));
};
