/**
 * Export of waypoints. A waypoint that stands in front of an exported service has to be reachable wherever that service
 * is, so its Service is exported with it; Istio asks for a second label there, and forgetting it is the commonest
 * mistake in multi-network meshes.
 */
import type { ServiceRecord } from './types.js';

export function exportWaypoints(records: readonly ServiceRecord[]): readonly ServiceRecord[] {
  const needed = new Set(
    records.filter(({ scope }) => scope === 'global').flatMap((record) => waypointKey(record) ?? []),
  );
  return records.map((record) =>
    record.isWaypoint && needed.has(record.key) ? { ...record, scope: 'global' as const } : record,
  );
}

/** The key of the Service of the waypoint in front; undefined without one, or when only its IP is known. */
export function waypointKey({ waypoint }: Pick<ServiceRecord, 'waypoint'>): string | undefined {
  if (waypoint?.destination.kind !== 'hostname') return undefined;
  const { namespace, hostname } = waypoint.destination.name;
  return `${namespace}/${hostname}`;
}
