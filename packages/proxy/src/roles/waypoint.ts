/**
 * The waypoint: HBONE in, HTTP or opaque TCP inside, one endpoint per request, HBONE out. Composition only: what a CONNECT
 * means is `http/connect-decision.ts` and sdk routing, what happens inside it `waypoint/tunnels.ts`.
 */
import { randomUUID } from 'node:crypto';
import type { Workload } from '@isthmus/sdk/discovery';
import { formatSocketAddress } from '@isthmus/sdk/routing';
import type { Scope } from '@isthmus/sdk/runtime';
import { Fault, formatSpiffeId } from '@isthmus/sdk/wire';
import { httpLimits } from '../http/limits.js';
import { createUpstreamPool, type UpstreamPool } from '../http/upstream-pool.js';
import { atWaypoint } from '../policy/at-waypoint.js';
import { createPolicyGuard } from '../policy/guard.js';
import { createConnections } from './connections.js';
import { listenHbone } from './hbone-listener.js';
import { localWorkloads } from './local-workloads.js';
import type { Role, RoleContext, RunningRole } from './role.js';
import { Tunnels } from './waypoint/tunnels.js';

export const waypoint: Role = {
  name: 'waypoint',
  nodeType: 'waypoint',
  summary: 'layer 7 of the services bound to it: one endpoint per request, here or on another network, L7 telemetry',
  start,
};

async function start(scope: Scope, context: RoleContext): Promise<RunningRole> {
  const { settings, certificates } = context;
  const { workload, instanceIp, trustDomain } = settings;
  if (!workload || instanceIp === undefined) {
    throw new Fault('LOCAL_WORKLOAD_UNKNOWN', 'the waypoint has no name or address');
  }
  const identity = formatSpiffeId({ trustDomain, ...workload });
  const limits = httpLimits();
  // Closed after the connections are cut: those are to be seen as drained, not as lost with their transport.
  const listening = scope.child();
  const connections = createConnections(scope);
  const guard = createPolicyGuard({
    log: context.log,
    relevant: atWaypoint,
    dryRunLevel: context.settings.authzPolicyInfoLogging ? 'info' : 'debug',
  });
  let locals = localWorkloads(context.snapshot(), settings);
  context.onSnapshot(scope, (snapshot) => {
    locals = localWorkloads(snapshot, settings);
    guard.reevaluate(snapshot);
  });
  const self = () => locals[0];

  const pool = upstreamPool(scope, context, { limits, instanceIp, self });
  const tunnels = new Tunnels({ context, limits, pool, connections, guard, self, newRequestId: randomUUID });
  drainWith(scope, context, tunnels);
  await listenHbone(listening, {
    context,
    host: instanceIp,
    reporter: 'waypoint',
    certificate: () => certificates.certificate(identity),
    onConnect: (incoming) => tunnels.serve(incoming),
  });
  return { localWorkloads: () => locals, openConnections: () => connections.size };
}

interface PoolOwner {
  readonly limits: ReturnType<typeof httpLimits>;
  readonly instanceIp: string;
  self(): Workload | undefined;
}

/** Its connections are shared by the requests of all clients, so they are made in the name of none of them. */
function upstreamPool(scope: Scope, context: RoleContext, { limits, instanceIp, self }: PoolOwner): UpstreamPool {
  const { clock, random, originate } = context;
  const clientAddress = formatSocketAddress(instanceIp, 0);
  const pool = createUpstreamPool({
    limits,
    clock,
    random,
    async open(plan) {
      const source = self();
      if (!source) throw new Fault('LOCAL_WORKLOAD_UNKNOWN', 'the record of this waypoint has gone');
      return originate(plan, { source, clientAddress, clientIp: instanceIp, sourceRole: 'waypoint' });
    },
  });
  scope.own(() => pool.close());
  return pool;
}

/** The HBONE listener says GOAWAY by itself; the HTTP connections inside its tunnels are asked to end too. */
function drainWith(scope: Scope, { drain }: RoleContext, tunnels: Tunnels): void {
  const onDrain = () => tunnels.drain();
  if (drain.aborted) onDrain();
  else drain.addEventListener('abort', onDrain, { once: true });
  scope.own(() => drain.removeEventListener('abort', onDrain));
}
