/**
 * Gateway objects and what belongs to them. A Gateway's Service and pods are those labelled with its name; Istio's
 * controller writes that label, and hand-written objects have to.
 */
import { PORT } from '@isthmus/sdk/wire';
import type { KubeObject, ObjectsByNamespace } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { ANNOTATION, GATEWAY_CLASS, LABEL, type Labels } from './labels.js';
import { isReady } from './readiness.js';
import type { GatewayRecord } from './types.js';

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
  const shards = [...objects.values()].filter(({ Gateway }) => Gateway.length > 0);
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

function podsOf({ objects }: NamespaceContext, { metadata }: GatewayObject): readonly KubeObject<'Pod'>[] {
  return objects.Pod.filter((pod) => labelledKey(pod.metadata) === keyOf(metadata));
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

/** The ways into networks that the namespace's objects tell of, one record per address. */
export function deriveNetworkGateways(context: NamespaceContext): readonly GatewayRecord[] {
  return context.objects.Gateway.flatMap((gateway) => {
    const { gatewayClassName } = gateway.spec;
    if (gatewayClassName === GATEWAY_CLASS.eastWest) return gatewayRecords(context, gateway, 'discovered');
    if (gatewayClassName === GATEWAY_CLASS.remote) return gatewayRecords(context, gateway, 'declared');
    return [];
  });
}

function gatewayRecords(
  context: NamespaceContext,
  gateway: GatewayObject,
  source: GatewayRecord['source'],
): readonly GatewayRecord[] {
  const { name, namespace, labels } = gateway.metadata;
  // An east-west gateway leads into the network it stands in; one elsewhere has to say where it leads.
  const network = labels[LABEL.network] ?? (source === 'discovered' ? context.network : undefined);
  if (network === undefined) {
    context.warn(gateway, 'metadata.labels', `has no label ${LABEL.network}, so nothing is sent through it`);
    return [];
  }
  const hbonePort = hbonePortOf(context, gateway, source);
  if (hbonePort === undefined) return [];
  const addresses = addressesOf(gateway, context.gateways.serviceOf(gateway));
  if (addresses.length === 0) {
    context.warn(
      gateway,
      'status.addresses',
      'is empty and its Service has no external address: other networks cannot use it',
    );
  }
  const pods = podsOf(context, gateway);
  return addresses.map((address) => ({
    namespace,
    name,
    network,
    cluster: context.id,
    trustDomain: context.trustDomain,
    serviceAccount: serviceAccountOf(gateway, pods),
    address,
    hbonePort,
    source,
    usable: pods.length === 0 || pods.some(isReady),
  }));
}

/**
 * The port of the HBONE listener. An east-west gateway that does not terminate HBONE leads nowhere for ambient
 * clients.
 */
function hbonePortOf(
  context: NamespaceContext,
  gateway: GatewayObject,
  source: GatewayRecord['source'],
): number | undefined {
  const { listeners } = gateway.spec;
  if (listeners.length === 0) return PORT.hbone;
  const listener = listeners.find(({ protocol }) => protocol === 'HBONE');
  if (!listener) {
    context.warn(gateway, 'spec.listeners', 'has no listener of protocol HBONE: no ambient traffic can pass it');
    return undefined;
  }
  if (source === 'discovered' && listener.tls?.mode === 'Passthrough') {
    context.warn(gateway, 'spec.listeners', 'the HBONE listener has to terminate TLS (tls.mode: Terminate)');
    return undefined;
  }
  return listener.port;
}

type Address = GatewayRecord['address'];

function addressesOf(gateway: GatewayObject, service: KubeObject<'Service'> | undefined): readonly Address[] {
  const { status, spec } = gateway;
  const listed = status.addresses.length > 0 ? status.addresses : spec.addresses;
  if (listed.length > 0) {
    return listed.map(({ type, value }) => ({ kind: type === 'Hostname' ? 'hostname' : 'ip', value }));
  }
  const ingress = service?.status.loadBalancer.ingress ?? [];
  const balanced = ingress.flatMap(({ ip, hostname }): Address[] => {
    if (ip !== undefined) return [{ kind: 'ip', value: ip }];
    return hostname === undefined ? [] : [{ kind: 'hostname', value: hostname }];
  });
  if (balanced.length > 0) return balanced;
  return (service?.spec.externalIPs ?? []).map((value) => ({ kind: 'ip', value }));
}

/**
 * Clients expect exactly this account at the outer tunnel. Istio names the account after the Gateway unless told
 * otherwise.
 */
function serviceAccountOf({ metadata }: GatewayObject, pods: readonly KubeObject<'Pod'>[]): string {
  return metadata.annotations[ANNOTATION.gatewayServiceAccount] ?? pods[0]?.spec.serviceAccountName ?? metadata.name;
}
