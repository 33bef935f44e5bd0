/**
 * Which waypoint stands in front of a service or workload. The object's label wins over its namespace's; `none` opts
 * out. A waypoint that is named but unknown is still sent to clients, which then refuse: istiod sends none in that
 * case, and traffic goes around the policies somebody asked for.
 */
import type { GatewayAddress } from '@isthmus/sdk/discovery';
import { canonicalIp, PORT } from '@isthmus/sdk/wire';
import type { KubeObject } from '../sources/index.js';
import type { NamespaceContext } from './context.js';
import type { GatewayObject } from './gateway-index.js';
import { GATEWAY_CLASS, LABEL } from './labels.js';

export interface WaypointIndex {
  forService(object: KubeObject<'Service' | 'ServiceEntry'>): GatewayAddress | undefined;
  forWorkload(object: KubeObject<'Pod' | 'WorkloadEntry'>): GatewayAddress | undefined;
}

type Bound = KubeObject<'Service' | 'ServiceEntry' | 'Pod' | 'WorkloadEntry'>;
type Traffic = 'service' | 'workload';

export function isWaypoint(gateway: GatewayObject | undefined): gateway is GatewayObject {
  return gateway?.spec.gatewayClassName === GATEWAY_CLASS.waypoint;
}

export function indexWaypoints(context: NamespaceContext): WaypointIndex {
  const { gateways } = context;

  function bindingOf(object: Bound, traffic: Traffic): GatewayAddress | undefined {
    const named = namedWaypoint(context, object);
    if (!named || isPartOfGateway(context, object)) return undefined;
    const gateway = gateways.gateway(named.namespace, named.name);
    if (!isWaypoint(gateway)) {
      // Without the Gateway its kind of traffic is unknown; the default is service.
      if (traffic === 'workload') return undefined;
      const message = `waypoint ${named.namespace}/${named.name} does not exist as a Gateway of class ${GATEWAY_CLASS.waypoint}: clients refuse to connect until it does`;
      context.warn(object, 'metadata.labels', message);
    } else if (!serves(gateway, traffic)) return undefined;
    return addressOf(context, named, gateway);
  }

  return {
    forService: (object) => bindingOf(object, 'service'),
    forWorkload: (object) => bindingOf(object, 'workload'),
  };
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

function namedWaypoint(context: NamespaceContext, { metadata }: Bound): Named | undefined {
  const inherited = context.namespaceLabels;
  const labels = metadata.labels[LABEL.useWaypoint] === undefined ? inherited : metadata.labels;
  const name = labels[LABEL.useWaypoint];
  if (!name || name === 'none') return undefined;
  return { name, namespace: labels[LABEL.useWaypointNamespace] ?? metadata.namespace };
}

/** Traffic to a gateway never passes a waypoint: to a waypoint it would be a loop. */
function isPartOfGateway({ gateways }: NamespaceContext, object: Bound): boolean {
  return (object.kind === 'Service' || object.kind === 'Pod') && gateways.gatewayOf(object) !== undefined;
}

function serves({ metadata }: GatewayObject, traffic: Traffic): boolean {
  const served = metadata.labels[LABEL.waypointFor] ?? 'service';
  return served === 'all' || served === traffic;
}

function addressOf(
  context: NamespaceContext,
  { namespace, name }: Named,
  gateway: GatewayObject | undefined,
): GatewayAddress {
  const service = gateway && context.gateways.serviceOf(gateway);
  const [given] = service ? [] : (gateway?.status.addresses ?? []);
  const ip = given && given.type !== 'Hostname' ? canonicalIp(given.value) : undefined;
  if (ip !== undefined) {
    return { destination: { kind: 'address', address: { network: context.network, ip } }, hboneMtlsPort: PORT.hbone };
  }
  const hostname = given?.value ?? context.serviceHostname(service?.metadata.name ?? name, namespace);
  return { destination: { kind: 'hostname', name: { namespace, hostname } }, hboneMtlsPort: PORT.hbone };
}
