/** The ways into networks that Gateways offer. */
import { PORT } from '@isthmus/sdk/wire';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import { type GatewayObject, isPartOf } from './gateway-index.js';
import { ANNOTATION, GATEWAY_CLASS, LABEL } from './labels.js';
import { isReady } from './readiness.js';
import type { GatewayRecord } from './types.js';

function podsOf({ objects }: NamespaceContext, gateway: GatewayObject): readonly KubeObject<'Pod'>[] {
  return objects.Pod.filter((pod) => isPartOf(gateway, pod));
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
