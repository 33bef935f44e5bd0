/**
 * Executes plans: from a decision to a connection that carries bytes, with the destination as it then is known. Holds
 * nothing itself; connections between proxies live in the pool.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Workload } from '../discovery/index.js';
import type { HbonePool, PoolHop, Tunnel } from '../hbone/index.js';
import type { CertificateSource, WorkloadCertificate } from '../identity/index.js';
import {
  createTraceparent,
  type DirectPlan,
  type Executable,
  formatSocketAddress,
  type Hop,
  identityOf,
  type NestedPlan,
  type Plan,
  type SocketAddress,
  type TunnelPlan,
} from '../routing/index.js';
import type { Clock } from '../runtime/index.js';
import { Fault } from '../wire/index.js';
import { backendsBehind } from './backends.js';
import { answeredDestination } from './destination.js';
import { dialTcp } from './dial-tcp.js';
import type { GatewayHealth } from './gateway-health.js';
import { overGateways } from './gateways.js';
import { connectHeaders, type Layer } from './headers.js';
import type { Originate, Originated, OriginateRequest } from './types.js';

export interface OriginateInit {
  readonly pool: HbonePool;
  readonly certificates: CertificateSource;
  readonly clock: Clock;
  /** Own network. */
  readonly network: string;
  /** Whether peer metadata is exchanged. */
  readonly baggage: boolean;
  /** Which gateways are out of service. */
  readonly gateways: GatewayHealth;
  /** Which of the workload's addresses to dial from; see source-address.ts. */
  sourceAddress(source: Workload, towards: string): string | undefined;
}

export function createOriginate(init: OriginateInit): Originate {
  return async (plan, request) => {
    try {
      return await overGateways(plan, init.gateways, {
        execute: (way) => execute(way, request, init),
        probeOf: (way) => (signal) => probe(way, request, init, signal),
      });
    } catch (error) {
      if (error instanceof Fault || !request.signal?.aborted) throw error;
      throw new Fault('CLIENT_GONE', `${request.clientAddress} closed before it was connected`, { cause: error });
    }
  };
}

function execute(plan: Executable, request: OriginateRequest, init: OriginateInit): Promise<Originated> {
  switch (plan.kind) {
    case 'direct':
      return direct(plan, request, init);
    case 'tunnel':
      return single(plan, request, init);
    case 'nested':
      return nested(plan, request, init);
  }
}

async function direct(plan: DirectPlan, request: OriginateRequest, init: OriginateInit): Promise<Originated> {
  const { address } = plan;
  const localAddress = init.sourceAddress(request.source, address.host);
  const { keepAliveMs } = init.pool.settings;
  const socket = await dialTcp({ address, localAddress, clock: init.clock, keepAliveMs, signal: request.signal });
  return overTcp(socket, address, plan);
}

async function single(plan: TunnelPlan, request: OriginateRequest, init: OriginateInit): Promise<Originated> {
  const certificate = await init.certificates.certificate(identityOf(request.source));
  const tunnel = await init.pool.connect(poolHop(plan.hop, certificate, request, init), {
    authority: plan.authority,
    headers: headersFor('single', plan, request, init),
    ...(request.signal && { signal: request.signal }),
  });
  return overTunnel(tunnel, plan.hop.address, plan, init);
}

async function nested(plan: NestedPlan, received: OriginateRequest, init: OriginateInit): Promise<Originated> {
  // One trace for both layers, as of one user connection.
  const request = { ...received, traceparent: received.traceparent ?? createTraceparent(randomBytes(24)) };
  const certificate = await init.certificates.certificate(identityOf(request.source));
  const tunnel = await init.pool.connectNested({
    outerHop: poolHop(plan.outer, certificate, request, init),
    innerExpected: plan.innerExpected,
    certificate,
    authority: plan.authority,
    backends: backendsBehind(plan),
    ...(init.baggage && { backendOf: instanceOf }),
    outerHeaders: headersFor('outer', plan, request, init),
    innerHeaders: headersFor('inner', plan, request, init),
    ...(request.signal && { signal: request.signal }),
  });
  return overTunnel(tunnel, plan.outer.address, plan, init);
}

/** The pod that answered, where it says so: ztunnel's baggage names workloads only, ours and Envoy's also the instance. */
function instanceOf({ responseHeaders }: Tunnel): string | undefined {
  const claim = responseHeaders.peer();
  return claim?.instance && JSON.stringify([claim.cluster, claim.namespace, claim.instance]);
}

/** A connection to the gateway, and nothing over it. */
async function probe(plan: NestedPlan, request: OriginateRequest, init: OriginateInit, signal: AbortSignal) {
  const certificate = await init.certificates.certificate(identityOf(request.source));
  await init.pool.probe(poolHop(plan.outer, certificate, request, init), signal);
}

function poolHop(hop: Hop, source: WorkloadCertificate, request: OriginateRequest, init: OriginateInit): PoolHop {
  const localAddress = init.sourceAddress(request.source, hop.address.host);
  return {
    source,
    expected: hop.expected,
    address: hop.address,
    clientIp: request.clientIp,
    ...(localAddress !== undefined && { localAddress }),
  };
}

function headersFor(layer: Layer, plan: Plan, request: OriginateRequest, init: OriginateInit) {
  return connectHeaders(layer, {
    source: request.source,
    baggage: init.baggage,
    clientAddress: request.clientAddress,
    serviceHostname: plan.service?.hostname,
    traceparent: request.traceparent ?? createTraceparent(randomBytes(24)),
    network: init.network,
    sourceRole: request.sourceRole,
  });
}

function overTcp(socket: Socket, address: SocketAddress, plan: DirectPlan): Originated {
  return {
    channel: { kind: 'tcp', socket },
    destination: answeredDestination(plan, {}),
    address: formatSocketAddress(address.host, address.port),
    mutualTls: false,
    duplex: () => socket,
  };
}

function overTunnel(
  tunnel: Tunnel,
  address: SocketAddress,
  plan: TunnelPlan | NestedPlan,
  { baggage }: OriginateInit,
): Originated {
  const claim = baggage ? tunnel.responseHeaders.peer() : undefined;
  return {
    channel: { kind: 'tunnel', tunnel },
    destination: answeredDestination(plan, { certificate: tunnel.peerIdentity, baggage: claim }),
    address: formatSocketAddress(address.host, address.port),
    authority: plan.authority,
    mutualTls: true,
    duplex: () => tunnel.duplex(),
  };
}
