/**
 * HBONE inside HBONE, the way to another network: an outer tunnel to the gateway there, and inside it a whole client
 * connection of its own (TLS, HTTP/2, CONNECT) with whoever the gateway picked. The gateway sees neither the inner
 * headers nor the bytes.
 *
 * The gateway picks a backend per outer stream, so one inner connection leads to one backend for as long as it lives.
 * The pool therefore keeps several, to distinct backends, and spreads tunnels over them: a new one costs one round trip,
 * and load is shared as if each had its own connection.
 */
import type { WorkloadCertificate } from '../../identity/types.js';
import { Fault } from '../../wire/faults.js';
import { HEADER } from '../../wire/headers.js';
import { hopName } from '../hop-name.js';
import type { HboneSettings } from '../settings.js';
import type { ConnectRequest, HeaderField, Tunnel } from '../types.js';
import { type DialInit, dialHbone } from './client.js';
import type { Route } from './connection-pool.js';
import { hopKey, type PoolHop } from './hop.js';
import type { Dialled } from './pool-member.js';

export interface NestedInit {
  /** To the gateway. */
  readonly outerHop: PoolHop;
  /** SPIFFE URIs, any of which the far end may prove: those of the service. */
  readonly innerExpected: readonly string[];
  /** Proves us to the far end; usually the outer hop's source. */
  readonly certificate: WorkloadCertificate;
  /** `hostname:port` of the service, the same on both CONNECTs. */
  readonly authority: string;
  /** Of an outer CONNECT that carries several users' tunnels: it tells of the one it was opened for. */
  readonly outerHeaders: readonly HeaderField[];
  readonly innerHeaders: readonly HeaderField[];
  readonly signal?: AbortSignal;
}

/** What the pool needs to know to share inner connections. */
export interface PooledNestedInit extends NestedInit {
  /** How many may answer there, as far as is known; tunnels are spread over that many at most. */
  readonly backends: number;
  /**
   * Names who answered, so that two connections with one backend are known to be that; undefined when the answer does not
   * tell. A claim: within one verified identity it moves load, and nothing else.
   */
  backendOf?(answer: Tunnel): string | undefined;
}

/** What every dial is made with. */
export type Dialling = Pick<DialInit, 'clock' | 'sessions' | 'revocations'> & { readonly settings: HboneSettings };

/** What carries outer tunnels, and how inner connections are dialled. */
export interface OuterTunnels extends Dialling {
  connect(hop: PoolHop, request: ConnectRequest): Promise<Tunnel>;
}

/**
 * Where a nested tunnel goes. The gateway's address is part of it: which gateway to use is the plan's decision, and one
 * that has been withdrawn must not be met through an old connection. So is `x-istio-source`, because gateways route by it.
 */
export function nestedRoute(outerTunnels: OuterTunnels, init: PooledNestedInit): Route {
  const { outerHop, innerExpected, certificate, authority, outerHeaders, backends } = init;
  const role = outerHeaders.find(([name]) => name === HEADER.source)?.[1];
  return {
    certificate,
    key: JSON.stringify([hopKey(outerHop), authority, certificate.identity, [...innerExpected].sort(), role]),
    name: `${authority} behind gateway ${hopName(outerHop.address)}`,
    capacity: backends,
    dial: (signal) => openInner(outerTunnels, { ...init, signal }),
    backendOf: (tunnel) => {
      const name = init.backendOf?.(tunnel);
      return name === undefined ? undefined : JSON.stringify([tunnel.peerIdentity, name]);
    },
  };
}

/**
 * One tunnel with an inner connection of its own, which ends with it: for a caller that opens a single one. Rejects with a
 * `Fault` whose message says which layer failed and at which hop.
 */
export async function connectNested(outerTunnels: OuterTunnels, init: NestedInit): Promise<Tunnel> {
  const { connection } = await openInner(outerTunnels, init);
  const { authority, innerHeaders: headers, signal } = init;
  try {
    return await connection.connect({ authority, headers, ...(signal ? { signal } : {}) });
  } catch (error) {
    throw withLayer(error, init);
  } finally {
    // It carries this one tunnel and closes with it, or at once when there is none.
    connection.drain();
  }
}

/** The outer CONNECT, then TLS and HTTP/2 with the far end. Rejects with a `Fault` that names the layer and the hop. */
async function openInner(outerTunnels: OuterTunnels, init: NestedInit): Promise<Dialled> {
  const { outerHop, authority, outerHeaders, signal, certificate, innerExpected: expected } = init;
  const { clock, settings, sessions, revocations } = outerTunnels;
  const outer = await outerTunnels
    .connect(outerHop, { authority, headers: outerHeaders, ...(signal ? { signal } : {}) })
    .catch((error: unknown) => {
      throw located(error, 'outer', `outer hop to gateway ${hopName(outerHop.address)}`);
    });
  const target = { transport: outer.duplex(), name: `${authority} behind gateway ${hopName(outerHop.address)}` };
  const connection = await dialHbone({
    target,
    certificate,
    expected,
    clock,
    settings,
    sessions,
    revocations,
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    outer.stream.reset();
    throw located(error, 'inner', innerLayer(init));
  });
  return { connection, lastCall: outer.lastCall };
}

/** The fault of a nested tunnel with the layer it is of, unless it says so already. */
export function withLayer(error: unknown, init: NestedInit): unknown {
  return error instanceof LocatedFault ? error : located(error, 'inner', innerLayer(init));
}

function innerLayer({ outerHop, authority }: NestedInit): string {
  return `inner hop to ${authority} through gateway ${hopName(outerHop.address)}`;
}

/** Which of the two layers failed: the way to the gateway (`outer`), or what lies behind it. */
export class LocatedFault extends Fault {
  readonly layer: 'outer' | 'inner';

  constructor(fault: Fault, layer: 'outer' | 'inner', where: string) {
    super(fault.code, `${where}: ${fault.message}`, { cause: fault });
    this.layer = layer;
  }
}

/** The same fault, with the layer in front of its message. What is no fault (an aborted signal) passes as it is. */
function located(error: unknown, layer: 'outer' | 'inner', where: string): unknown {
  return error instanceof Fault ? new LocatedFault(error, layer, where) : error;
}
