/**
 * East-west gateway: ends the outer tunnel from another network, and pipes its bytes to one pod or waypoint of its own.
 * The inner tunnel is between the two ends: nothing of it is read, no baggage and no bytes. Whom it serves it knows from
 * the certificate alone; it counts under metrics of its own (see telemetry/reporters.ts).
 */
import type { IncomingConnect } from '@isthmus/sdk/hbone';
import { dialTcp, plannedDestination } from '@isthmus/sdk/originate';
import { mergePeer } from '@isthmus/sdk/peer';
import { type DirectPlan, formatSocketAddress, planGateway, type RefusePlan } from '@isthmus/sdk/routing';
import type { Scope } from '@isthmus/sdk/runtime';
import { FAULTS, Fault, formatSpiffeId, HEADER } from '@isthmus/sdk/wire';
import type { ConnectionFacts } from '../telemetry/types.js';
import { type Connections, createConnections, faultOf, outcomeOf } from './connections.js';
import { exportsOf } from './exports.js';
import { listenHbone } from './hbone-listener.js';
import { keepAliveMs } from './hbone-settings.js';
import { join } from './join.js';
import { localWorkloads } from './local-workloads.js';
import type { Role, RoleContext, RunningRole } from './role.js';

export const eastWestGateway: Role = {
  name: 'east-west-gateway',
  nodeType: 'router',
  summary: 'lets other networks in: ends outer tunnels and forwards the inner ones untouched',
  start,
};

async function start(scope: Scope, context: RoleContext): Promise<RunningRole> {
  const { settings, certificates } = context;
  const { workload, instanceIp, trustDomain } = settings;
  if (!workload || instanceIp === undefined)
    throw new Fault('LOCAL_WORKLOAD_UNKNOWN', 'the gateway has no name or address');
  if (settings.exportedServices?.length === 0) {
    context.log.warn(
      'nothing is exported: this control plane tells of services that are local to their cluster too; say in EXPORTED_SERVICES which ones other networks may reach',
    );
  }
  const identity = formatSpiffeId({ trustDomain, ...workload });
  const connections = createConnections(scope);
  await listenHbone(scope, {
    context,
    host: instanceIp,
    reporter: 'gateway',
    certificate: () => certificates.certificate(identity),
    onConnect: (incoming) => forward(incoming, context, connections),
  });
  return {
    localWorkloads: () => localWorkloads(context.snapshot(), settings),
    openConnections: () => connections.size,
  };
}

async function forward(incoming: IncomingConnect, context: RoleContext, connections: Connections): Promise<void> {
  const { telemetry, clock, random, settings } = context;
  const plan = planGateway(context.snapshot(), {
    network: settings.network,
    authority: incoming.authority,
    sourceIdentity: incoming.connection.peerIdentity,
    sourceRole: incoming.headers.get(HEADER.source),
    exports: exportsOf(settings),
    random,
  });
  const facts = factsOf(incoming, plan);
  if (plan.kind === 'refuse') {
    telemetry.earlyDeny({
      ...facts,
      sourceIdentity: incoming.connection.peerIdentity,
      code: plan.fault,
      message: plan.reason,
    });
    return incoming.refuse(FAULTS[plan.fault].status);
  }
  const record = telemetry.connection(facts);
  const connection = connections.open();
  const onGone = () =>
    connection.end({ kind: 'fault', code: 'CLIENT_GONE', message: 'the peer gave up before an answer' });
  incoming.signal.addEventListener('abort', onGone, { once: true });
  try {
    const { address } = plan;
    const server = await dialTcp({ address, clock, keepAliveMs: keepAliveMs(settings), signal: connection.cut });
    const client = incoming.accept();
    record.opened();
    record.close(await join({ client, server, record, cut: connection.cut }));
  } catch (error) {
    const outcome = outcomeOf(connection, error);
    incoming.refuse(FAULTS[faultOf(outcome)].status);
    record.close(outcome);
  } finally {
    incoming.signal.removeEventListener('abort', onGone);
    connection.done();
  }
}

function factsOf({ connection, authority }: IncomingConnect, plan: DirectPlan | RefusePlan): ConnectionFacts {
  const asked = formatSocketAddress(connection.localAddress, connection.localPort);
  return {
    reporter: 'gateway',
    source: mergePeer({ certificate: connection.peerIdentity }),
    destination: plannedDestination(plan),
    ...(plan.service && { service: plan.service }),
    sourceAddress: formatSocketAddress(connection.remoteAddress, connection.remotePort),
    destinationAddress: plan.kind === 'direct' ? formatSocketAddress(plan.address.host, plan.address.port) : asked,
    ...(authority !== undefined && { hboneAddress: authority }),
    mutualTls: true,
  };
}
