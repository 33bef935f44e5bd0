/**
 * Export of waypoints. A waypoint that stands in front of an exported service has to be reachable wherever that service
 * is, so its Service is exported with it; Istio asks for a second label there, and forgetting it is the commonest
 * mistake in multi-network meshes.
 */
import type { Claim, NamespaceModel, ServiceRecord } from './types.js';

/** Keys of the waypoints in front of exported services of the namespace. */
export function waypointsNeeded(services: readonly ServiceRecord[]): readonly string[] {
  return frontsOf(services.filter(({ scope }) => scope === 'global'));
}

/** Keys of the waypoints in front of services that stay in their cluster. */
export function localFrontsOf(services: readonly ServiceRecord[]): readonly string[] {
  return frontsOf(services.filter(({ scope }) => scope === 'local'));
}

/** Every address of every service. */
export function claimsOf(services: readonly ServiceRecord[]): readonly Claim[] {
  return services.flatMap((record) =>
    record.addresses.map((each) => ({ address: addressText(each), key: record.key, front: waypointKey(record) })),
  );
}

export function addressText({ ip, length }: ServiceRecord['addresses'][number]): string {
  return length === undefined ? ip : `${ip}/${length}`;
}

/** Keys of the waypoints in front of the services. */
export function frontsOf(services: readonly ServiceRecord[]): readonly string[] {
  return [...new Set(services.flatMap((record) => waypointKey(record) ?? []))];
}

const exported = new WeakMap<NamespaceModel, { readonly keys: string; readonly model: NamespaceModel }>();

/** With the waypoints that are needed anywhere in the cluster exported; the same object while they are the same. */
export function exportWaypoints(model: NamespaceModel, needed: ReadonlySet<string>): NamespaceModel {
  const affected = model.waypoints.filter(({ scope, key }) => scope === 'local' && needed.has(key));
  if (affected.length === 0) return model;
  const keys = affected.map(({ key }) => key).join(' ');
  const known = exported.get(model);
  if (known?.keys === keys) return known.model;
  const services = new Map(model.services);
  for (const record of affected) services.set(record.key, { ...record, scope: 'global' });
  const next = { ...model, services };
  exported.set(model, { keys, model: next });
  return next;
}

/** The key of the Service of the waypoint in front; undefined without one, or when only its IP is known. */
export function waypointKey({ waypoint }: Pick<ServiceRecord, 'waypoint'>): string | undefined {
  if (waypoint?.destination.kind !== 'hostname') return undefined;
  const { namespace, hostname } = waypoint.destination.name;
  return `${namespace}/${hostname}`;
}
