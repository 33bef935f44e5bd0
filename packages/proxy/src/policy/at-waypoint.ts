/**
 * Which L4 policies a waypoint enforces on the tunnels it ends: every DENY that binds to it, and ALLOWs that select it.
 *
 * An ALLOW without a selector lists who may call the applications, and applications behind a waypoint are called by the
 * waypoint; it is enforced where they are. Istio's waypoints enforce neither kind. A DENY on the namespace is kept here,
 * because behind the waypoint nobody sees the caller any more.
 */
import type { PolicySelection } from '@isthmus/sdk/discovery';

export function atWaypoint({ policies, missing }: PolicySelection): PolicySelection {
  return {
    policies: policies.filter(({ action, scope }) => action === 'deny' || scope === 'workload-selector'),
    missing,
  };
}
