/**
 * From a service to a plan that ends at one of its endpoints: directly, by HBONE, or by HBONE inside HBONE through the
 * gateway of the network where the endpoint is. No waypoint comes into it; whoever calls has dealt with that.
 */
import type { Service, ServicePort, Workload } from '../discovery/model.js';
import { PORT } from '../wire/ports.js';
import { bestOf } from './alternatives.js';
import { formatSocketAddress } from './authority.js';
import { balance, type Chosen, type Obstacle } from './balance.js';
import { expectedAt, expectedBehindGateway } from './identities.js';
import { type Dial, dial, dialledIp, type Viewpoint } from './locate.js';
import type { Candidate, DirectPlan, NestedPlan, Plan, PlanBase, RefusePlan, TunnelPlan } from './plan.js';
import { type GatewayWay, spareGateways, wayElsewhere } from './reach.js';
import { refuse } from './refusal.js';

export interface EndpointRequest {
  readonly service: Service;
  readonly servicePort: ServicePort;
  /** The address the client asked for; decides the IP family, and the very endpoint when it is one. */
  readonly originalIp?: string | undefined;
  /** `here` leaves out every endpoint behind a gateway: what came from another network is never sent to one again. */
  readonly networks: 'all' | 'here';
  /** Uids of endpoints that failed this very request already. */
  readonly avoid?: ReadonlySet<string> | undefined;
}

export function planEndpoint(view: Viewpoint, request: EndpointRequest): Plan {
  const { service, servicePort } = request;
  const choice = balance({
    service,
    servicePort: servicePort.servicePort,
    endpoints: view.snapshot.endpoints(service.key),
    source: view.source,
    resolution: 'standard',
    wayTo: (workload) => {
      if (request.avoid?.has(workload.uid)) return OBSTACLE.failedAlready;
      return workload.network === view.network ? wayHere(workload, request) : wayAcross(view, workload, request);
    },
    random: view.random,
  });
  view.observe?.({
    what: 'endpoint',
    subject: `${service.key} port ${servicePort.servicePort}`,
    outcome: choice.kind === 'none' ? choice.reason : choice.workload.uid,
    candidates: choice.candidates,
  });
  const known = { service, servicePort, candidates: choice.candidates };
  if (choice.kind === 'none') return refuse(choice.fault, choice.reason, known);
  return bestOf(plansFor(view, choice, known));
}

type Asked = Required<Pick<PlanBase, 'service' | 'servicePort' | 'candidates'>>;

/** One plan per endpoint and gateway, in the order of preference; made as it is read. */
function* plansFor(view: Viewpoint, choice: Chosen<Dial | GatewayWay>, asked: Asked): Iterable<Plan> {
  const innerExpected = expectedBehindGateway(asked.service);
  const elsewhere = new Map<string, Workload>();
  for (const { workload, way, targetPort: port } of choice.inOrder()) {
    if (way.kind === 'here') yield toWorkload({ workload, host: way.host, port, ...asked });
    else {
      if (!elsewhere.has(workload.network)) elsewhere.set(workload.network, workload);
      for (const outer of way.gateways()) yield nested({ outer, innerExpected, destination: workload, ...asked });
    }
  }
  const records = view.snapshot.endpoints(asked.service.key);
  for (const [network, destination] of elsewhere) {
    for (const outer of spareGateways(view, network, records))
      yield nested({ outer, innerExpected, destination, ...asked });
  }
}

/** To a workload on our own network, by what it speaks. */
export function toWorkload(init: {
  readonly workload: Workload;
  readonly host: string;
  readonly port: number;
  readonly candidates: readonly Candidate[];
  readonly service?: Service;
  readonly servicePort?: ServicePort;
}): TunnelPlan | DirectPlan | RefusePlan {
  const { workload, host, port, ...known } = init;
  if (workload.tunnelProtocol === 'none') {
    return { kind: 'direct', address: { host, port }, destination: workload, ...known };
  }
  const expected = expectedAt(workload, known.service);
  if (expected.length === 0) {
    const reason = 'has no valid identity to expect';
    const candidates = [{ uid: workload.uid, verdict: 'passed-over', reason }] as const;
    return refuse('NO_HEALTHY_UPSTREAM', `${workload.uid} ${reason}`, { ...known, candidates });
  }
  return {
    kind: 'tunnel',
    hop: { address: { host, port: PORT.hbone }, expected, workload },
    authority: formatSocketAddress(host, port),
    via: 'endpoint',
    destination: workload,
    ...known,
  };
}

/** Both CONNECTs of a nested tunnel name the service: addresses mean nothing on the other network. */
export function nested(
  init: Omit<NestedPlan, 'kind' | 'authority' | 'alternatives' | 'service' | 'servicePort'> & {
    readonly service: Service;
    readonly servicePort: ServicePort;
  },
): NestedPlan {
  return {
    kind: 'nested',
    authority: formatSocketAddress(init.service.hostname, init.servicePort.servicePort),
    alternatives: [],
    ...init,
  };
}

const OBSTACLE = {
  failedAlready: { reason: 'failed this request already', fault: 'NO_HEALTHY_UPSTREAM' },
  noAddress: {
    reason: 'has neither a hostname nor an IP address that the service allows',
    fault: 'NO_HEALTHY_UPSTREAM',
  },
  noIp: { reason: 'speaks HBONE but has no IP address that the service allows', fault: 'NO_HEALTHY_UPSTREAM' },
  stayHere: {
    reason: 'on another network, and the connection came from another network already',
    fault: 'NO_HEALTHY_UPSTREAM',
  },
  noHbone: { reason: 'on another network and does not speak HBONE', fault: 'NO_HEALTHY_UPSTREAM' },
  noServiceIdentity: {
    reason: 'on another network, and the service declares no identity (subject_alt_names) for whoever answers there',
    fault: 'NO_HEALTHY_UPSTREAM',
  },
} as const satisfies Record<string, Obstacle>;

/** A CONNECT names the endpoint by IP, so HBONE needs one; plain TCP does with a hostname, and expects nobody. */
function wayHere(workload: Workload, { service, originalIp }: EndpointRequest): Dial | Obstacle {
  const ip = dialledIp(workload, originalIp, service.ipFamilies);
  if (workload.tunnelProtocol === 'none') {
    const host = ip ?? workload.hostname;
    return host === '' ? OBSTACLE.noAddress : { kind: 'here', host, expected: [] };
  }
  return ip === undefined ? OBSTACLE.noIp : dial(workload, service, originalIp);
}

function wayAcross(view: Viewpoint, workload: Workload, { service, networks }: EndpointRequest): GatewayWay | Obstacle {
  if (networks === 'here') return OBSTACLE.stayHere;
  if (workload.tunnelProtocol === 'none') return OBSTACLE.noHbone;
  return expectedBehindGateway(service).length === 0 ? OBSTACLE.noServiceIdentity : wayElsewhere(view, workload);
}
