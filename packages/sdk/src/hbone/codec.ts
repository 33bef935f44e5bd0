/**
 * The codec as the mesh uses it: the header names and baggage keys it reports as small integers. Every HBONE connection
 * leases a slot of an instance.
 */
import { type Codec, createCodec } from '@isthmus/codec-wasm';
import { PEER_KEYS } from '../peer/keys.js';
import { Fault, type FaultCode } from '../wire/faults.js';
import { HEADER } from '../wire/headers.js';

/** Position is the name id the codec reports. */
export const REGISTERED_HEADERS: readonly string[] = Object.values(HEADER);

export interface MeshCodecInit {
  /** Connections open at the same time. Default: the codec's own. */
  readonly slots?: number;
}

export function createMeshCodec(init: MeshCodecInit = {}): Codec {
  return createCodec({ headerNames: REGISTERED_HEADERS, baggageKeys: PEER_KEYS, ...init });
}

const instances: Codec[] = [];

/** Connections of one instance: what most processes never need a second one for. */
const INSTANCE_SLOTS = 256;

/** More than a server and a pool hold open together. */
const SHARED_SLOTS = 32 * 256;

/**
 * The codec of this process for one more connection. Several small ones rather than a large one, although pages that are
 * never used cost nothing: V8 counts all memory of an instance as garbage that may be outside its heap, and near 64 MiB
 * of it every few megabytes of buffers set off a full collection. With all slots in one, half the CPU of a bulk transfer
 * was that. Throws a `Fault` of the code `whenFull` when all slots are leased.
 */
export function meshCodec(whenFull: FaultCode = 'UPSTREAM_OVERFLOW'): Codec {
  const withRoom = instances.find(({ slots }) => slots.leased < slots.capacity);
  if (withRoom) return withRoom;
  if (instances.length * INSTANCE_SLOTS >= SHARED_SLOTS) {
    throw new Fault(whenFull, `all ${SHARED_SLOTS} HBONE connections of this process are open`);
  }
  const another = createMeshCodec({ slots: INSTANCE_SLOTS });
  instances.push(another);
  return another;
}
