/**
 * Gateway objects and what belongs to them. A Gateway's Service and pods are those labelled with its name; Istio's
 * controller writes that label, and hand-written objects have to.
 */
import type { KubeObject, ObjectsByKind, ObjectsByNamespace } from '../sources/index.js';
import { LABEL, type Labels } from './labels.js';

export type GatewayObject = KubeObject<'Gateway'>;

/** The Gateways of a cluster, and the Services that are part of one. */
export interface GatewayParts {
  readonly gateways: readonly GatewayObject[];
  readonly services: readonly KubeObject<'Service'>[];
}

export interface GatewayIndex {
  /** The Gateway a Service or pod is part of. */
  gatewayOf(object: KubeObject<'Service' | 'Pod'>): GatewayObject | undefined;
  gateway(namespace: string, name: string): GatewayObject | undefined;
  serviceOf(gateway: GatewayObject): KubeObject<'Service'> | undefined;
}

export function gatewayParts(objects: ObjectsByNamespace): GatewayParts {
  const shards: ObjectsByKind[] = [];
  for (const shard of objects.values()) if (shard.Gateway.length > 0) shards.push(shard);
  const gateways = shards.flatMap(({ Gateway }) => Gateway);
  const keys = new Set(gateways.map(({ metadata }) => keyOf(metadata)));
  const isPart = (service: KubeObject<'Service'>) => keys.has(gatewayKey(service) ?? '');
  return { gateways, services: shards.flatMap(({ Service }) => Service.filter(isPart)) };
}

export function indexGateways(parts: GatewayParts): GatewayIndex {
  const gateways = new Map(parts.gateways.map((gateway) => [keyOf(gateway.metadata), gateway]));
  const gatewayOf: GatewayIndex['gatewayOf'] = (object) => {
    const key = gatewayKey(object);
    return key === undefined ? undefined : gateways.get(key);
  };
  const services = new Map<GatewayObject, KubeObject<'Service'>>();
  for (const service of parts.services) {
    const gateway = gatewayOf(service);
    if (gateway && !services.has(gateway)) services.set(gateway, service);
  }
  return {
    gatewayOf,
    gateway: (namespace, name) => gateways.get(`${namespace}/${name}`),
    serviceOf: (gateway) => services.get(gateway),
  };
}

export function isPartOf({ metadata }: GatewayObject, object: KubeObject<'Service' | 'Pod'>): boolean {
  return gatewayKey(object) === keyOf(metadata);
}

/** By label, or by name where it is a Service without one. */
function gatewayKey({ kind, metadata }: KubeObject<'Service' | 'Pod'>): string | undefined {
  return labelledKey(metadata) ?? (kind === 'Service' ? keyOf(metadata) : undefined);
}

function keyOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

function labelledKey({ namespace, labels }: { namespace: string; labels: Labels }): string | undefined {
  const name = labels[LABEL.gatewayName];
  return name === undefined ? undefined : `${namespace}/${name}`;
}
