/**
 * A plan through a gateway, and its alternatives when that fails: what a gateway's failure means for this connection and
 * for the ones after it.
 *
 * Trying again is safe as long as the tunnel is not open: until the CONNECT inside is answered no byte of the user's was
 * sent. It is done for failures that another way may not meet, at most twice, because the client is waiting. What a peer
 * decided (a policy) or what is wrong with us (no certificate) is final.
 */
import { LocatedFault } from '../hbone/index.js';
import type { Executable, NestedPlan } from '../routing/index.js';
import { Fault, type FaultCode } from '../wire/index.js';
import type { GatewayHealth, Probe } from './gateway-health.js';

/** Three times the connect timeout is as long as anyone waits. */
const MAX_ATTEMPTS = 3;

/** A gateway that fails in one of these ways at the outer hop was not reached, did not prove who it is, or went away. */
const GONE = [
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'TLS_FAILURE',
  'IDENTITY_MISMATCH',
  'CERT_REVOKED',
  'H2_HANDSHAKE_FAILURE',
  'TUNNEL_LOST',
] as const satisfies readonly FaultCode[];

/**
 * Failures of one way, not of all. A gateway that answers and refuses is in service: it may have no backend for this
 * service and all for the next. A bound of our own is no gateway's fault either, and one that we are connected with
 * already may need no more of what has run out.
 */
const ANOTHER_MAY_DO: ReadonlySet<FaultCode> = new Set([...GONE, 'TUNNEL_REFUSED', 'UPSTREAM_OVERFLOW']);

export interface GatewayAttempts<Result> {
  execute(plan: Executable): Promise<Result>;
  /** How to find out whether the gateway of that plan is back. */
  probeOf(plan: NestedPlan): Probe;
}

/** Rejects with the fault of the last attempt. */
export async function overGateways<Result>(
  plan: Executable,
  health: GatewayHealth,
  attempts: GatewayAttempts<Result>,
): Promise<Result> {
  const ways = health.inOrder(plan).slice(0, MAX_ATTEMPTS);
  for (const [index, way] of ways.entries()) {
    try {
      const result = await attempts.execute(way);
      if (way.kind === 'nested') health.succeeded(way.outer.address);
      return result;
    } catch (error) {
      if (way.kind !== 'nested') throw error;
      if (isGatewaysFault(error)) health.failed(way.outer.address, error.message, attempts.probeOf(way));
      if (index === ways.length - 1 || !(error instanceof Fault && ANOTHER_MAY_DO.has(error.code))) throw error;
    }
  }
  throw new TypeError('there was no plan to carry out');
}

const EJECTING: ReadonlySet<FaultCode> = new Set(GONE);

/** It says something about the gateway, and not about what is behind it. */
function isGatewaysFault(error: unknown): error is LocatedFault {
  return error instanceof LocatedFault && error.layer === 'outer' && EJECTING.has(error.code);
}
