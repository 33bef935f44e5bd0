/**
 * HBONE inside HBONE, the way to another network: an outer tunnel to the gateway there, and inside it a whole client
 * connection of its own (TLS, HTTP/2, CONNECT) with whoever the gateway picked. The gateway sees neither the inner
 * headers nor the bytes.
 *
 * One tunnel per inner connection: the gateway picks a backend per outer stream, and an inner connection used again
 * would pin everyone to the backend of the first. `openInner` is apart from the CONNECT so that inner connections can be
 * kept by the backend that answered.
 */
import type { WorkloadCertificate } from '../../identity/types.js';
import { Fault } from '../../wire/faults.js';
import { hopName } from '../hop-name.js';
import type { HeaderField, Tunnel } from '../types.js';
import { dialHbone, type HboneClientConnection } from './client.js';
import type { HbonePool, PoolHop } from './pool.js';

export interface NestedInit {
  /** To the gateway. */
  readonly outerHop: PoolHop;
  /** SPIFFE URIs, any of which the far end may prove: those of the service. */
  readonly innerExpected: readonly string[];
  /** Proves us to the far end; usually the outer hop's source. */
  readonly certificate: WorkloadCertificate;
  /** `hostname:port` of the service, the same on both CONNECTs. */
  readonly authority: string;
  readonly outerHeaders: readonly HeaderField[];
  readonly innerHeaders: readonly HeaderField[];
  readonly signal?: AbortSignal;
}

/** A client connection with a backend behind the gateway, and the outer tunnel that carries it. */
export interface InnerConnection {
  readonly connection: HboneClientConnection;
  readonly outer: Tunnel;
}

/**
 * Rejects with a `Fault` whose message says which layer failed and at which hop. When the tunnel ends, the inner
 * connection and the outer stream end with it.
 */
export async function connectNested(pool: HbonePool, init: NestedInit): Promise<Tunnel> {
  const inner = await openInner(pool, init);
  try {
    const { authority, innerHeaders: headers, signal } = init;
    return await inner.connection.connect({ authority, headers, ...(signal ? { signal } : {}) });
  } catch (error) {
    throw located(error, innerLayer(init));
  } finally {
    // It carries this one tunnel and closes with it, or at once when there is none.
    inner.connection.drain();
  }
}

/** The outer CONNECT, then TLS and HTTP/2 with the far end. */
export async function openInner(pool: HbonePool, init: NestedInit): Promise<InnerConnection> {
  const { outerHop, authority, outerHeaders, signal, certificate, innerExpected: expected } = init;
  const { clock, settings } = pool;
  const outer = await pool
    .connect(outerHop, { authority, headers: outerHeaders, ...(signal ? { signal } : {}) })
    .catch((error: unknown) => {
      throw located(error, `outer hop to gateway ${hopName(outerHop.address)}`);
    });
  const target = { transport: outer.duplex(), name: `${authority} behind gateway ${hopName(outerHop.address)}` };
  const connection = await dialHbone({
    target,
    certificate,
    expected,
    clock,
    settings,
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    outer.stream.reset();
    throw located(error, innerLayer(init));
  });
  return { connection, outer };
}

function innerLayer({ outerHop, authority }: NestedInit): string {
  return `inner hop to ${authority} through gateway ${hopName(outerHop.address)}`;
}

/** The same fault, with the layer in front of its message. What is no fault (an aborted signal) passes as it is. */
function located(error: unknown, layer: string): unknown {
  return error instanceof Fault ? new Fault(error.code, `${layer}: ${error.message}`, { cause: error }) : error;
}
