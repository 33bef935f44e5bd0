import { type CertificateSource, createHbonePool, createLogger, type Scope } from '@isthmus/sdk';
import type { DiscoveryClient, Store, Workload } from '@isthmus/sdk/discovery';
import { createGatewayHealth, createOriginate, createSourceAddresses, type Originated } from '@isthmus/sdk/originate';
import { missingOutbound, type OutboundTarget, planOutbound } from '@isthmus/sdk/routing';
import { realClock as clock } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';

const network = 'network-1';

export function createRole(scope: Scope, store: Store, discovery: DiscoveryClient, certificates: CertificateSource) {
  const originate = createOriginate({
    pool: createHbonePool(scope, { clock }),
    certificates,
    clock,
    network,
    baggage: true,
    // One for all connections of the process: what one learns of a gateway the others know.
    gateways: createGatewayHealth(scope, { clock, log: createLogger() }),
    sourceAddress: createSourceAddresses(clock),
  });

  return async (source: Workload, target: OutboundTarget): Promise<Originated> => {
    // Only with `mode: 'on-demand'`: the service, then its waypoint, then a gateway.
    for (let round = 0; round < 3; round++) {
      const names = missingOutbound(store.snapshot, { source, network, target });
      const unanswered = await discovery.demand(names);
      if (unanswered.length > 0) throw new Fault('UNKNOWN_DESTINATION', `no answer about ${unanswered.join(', ')}`);
    }
    const plan = planOutbound(store.snapshot, { source, network, target, random: Math.random });
    if (plan.kind === 'refuse') throw new Fault(plan.fault, plan.reason);
    const clientIp = source.addresses[0] ?? '127.0.0.1';
    return originate(plan, { source, clientIp, clientAddress: `${clientIp}:0` });
  };
}
