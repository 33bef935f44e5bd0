/**
 * ztunnel: stands for the workloads of a node (or for one), each with its own identity. Outbound it accepts SOCKS5, static
 * listeners and what the kernel leads to 15001; inbound HBONE on 15008 of each workload's address, and plaintext on its
 * 15006 or, where the kernel leads it there, on 15006 of every address. Listeners follow the snapshot; policies are judged
 * again with each.
 */
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import { identityOf } from '@isthmus/sdk/routing';
import type { Scope } from '@isthmus/sdk/runtime';
import { FAULTS, Fault, PORT } from '@isthmus/sdk/wire';
import { createListenerSet } from '../capture/listener-set.js';
import { type CaptureInit, serveSocks5 } from '../capture/socks5-server.js';
import { serveStatic } from '../capture/static-listener.js';
import { listenTcp } from '../capture/tcp-listener.js';
import { createPolicyGuard } from '../policy/guard.js';
import { itsWaypoints, noDoorkeepers } from '../policy/through-waypoint.js';
import { createConnections } from './connections.js';
import { listenHbone } from './hbone-listener.js';
import { keepAliveMs } from './hbone-settings.js';
import { localWorkloads } from './local-workloads.js';
import type { Role, RoleContext, RunningRole } from './role.js';
import { createInbound, type InboundInit } from './ztunnel/inbound.js';
import { intercept } from './ztunnel/intercepted.js';
import { createOutbound } from './ztunnel/outbound.js';
import { createPlaintext, plaintextPort } from './ztunnel/plaintext.js';

export const ztunnel: Role = {
  name: 'ztunnel',
  nodeType: 'ztunnel',
  summary: 'stands for workloads: their traffic out and in over mTLS, L4 policy, L4 telemetry',
  start,
};

async function start(scope: Scope, context: RoleContext): Promise<RunningRole> {
  const { settings, log } = context;
  const connections = createConnections(scope);
  const guard = createPolicyGuard({
    log,
    doorkeepers: settings.requireWaypoint ? itsWaypoints : noDoorkeepers,
    dryRunLevel: settings.authzPolicyInfoLogging ? 'info' : 'debug',
  });
  let locals: readonly Workload[] = [];
  const accept = acceptor({ context, connections, guard }, (uid) => locals.find((workload) => workload.uid === uid));
  const listeners = createListenerSet<LocalAddress>(scope, { log, start: accept });

  async function follow(snapshot: Snapshot): Promise<void> {
    locals = localWorkloads(snapshot, settings);
    guard.reevaluate(snapshot);
    await listeners.want(addressesOf(locals));
  }

  context.onSnapshot(scope, (snapshot) => void follow(snapshot));
  await follow(context.snapshot());
  const onCaptured = createOutbound({ context, connections, locals: () => locals });
  await capture(scope, context, onCaptured);
  const { interceptionMode: mode } = settings;
  if (mode !== 'NONE') {
    const plaintext = createPlaintext({ context, connections, guard });
    await named('INTERCEPTION_MODE', intercept(scope, { mode, context, onCaptured, plaintext, locals: () => locals }));
  }
  return { localWorkloads: () => locals, openConnections: () => connections.size };
}

interface LocalAddress {
  readonly uid: string;
  readonly ip: string;
}

function addressesOf(locals: readonly Workload[]): ReadonlyMap<string, LocalAddress> {
  return new Map(locals.flatMap(({ uid, addresses }) => addresses.map((ip) => [`${uid} on ${ip}`, { uid, ip }])));
}

/** Opens the inbound ports of an address. The record is looked up for each connection, so that it is the newest. */
function acceptor(init: InboundInit, local: (uid: string) => Workload | undefined) {
  const { context, connections } = init;
  const { interceptionMode, inboundPlaintextTargets } = context.settings;

  return async (scope: Scope, { uid, ip }: LocalAddress): Promise<void> => {
    const own = { ...init, connections: connections.within(scope) };
    const inbound = createInbound(own);
    await listenHbone(scope, {
      context,
      host: ip,
      reporter: 'destination',
      async certificate() {
        const workload = local(uid);
        if (!workload) throw new Fault('LOCAL_WORKLOAD_UNKNOWN', `${uid} is gone`);
        return context.certificates.certificate(identityOf(workload));
      },
      async onConnect(incoming) {
        const workload = local(uid);
        if (!workload) return incoming.refuse(FAULTS.LOCAL_WORKLOAD_UNKNOWN.status);
        await inbound(incoming, workload);
      },
    });
    if (interceptionMode !== 'NONE') return;
    const plaintext = createPlaintext(own);
    const asked = { host: ip, port: PORT.plaintextInbound };
    await listenTcp(scope, {
      address: asked,
      keepAliveMs: keepAliveMs(context.settings),
      drain: context.drain,
      log: context.log,
      onConnection(socket) {
        const workload = local(uid);
        if (!workload) return void socket.resetAndDestroy();
        void plaintext(socket, workload, { asked, port: plaintextPort(workload, inboundPlaintextTargets) });
      },
    });
  };
}

/** Listeners that are configured by address must open; that they cannot is a mistake to report at start. */
async function capture(scope: Scope, context: RoleContext, onCaptured: CaptureInit['onCaptured']): Promise<void> {
  const { clock, log, drain, settings } = context;
  const init: CaptureInit = { clock, log, keepAliveMs: keepAliveMs(settings), drain, onCaptured };
  const opened = [
    ...settings.socks5Listeners.map((each) => named('SOCKS5_LISTENERS', serveSocks5(scope, each, init))),
    ...settings.outboundListeners.map((each) => named('OUTBOUND_LISTENERS', serveStatic(scope, each, init))),
  ];
  await Promise.all(opened);
}

async function named(setting: string, listening: Promise<unknown>): Promise<void> {
  try {
    await listening;
  } catch (cause) {
    throw new Error(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
