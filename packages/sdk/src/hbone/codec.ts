/**
 * The codec as the mesh uses it: the header names and baggage keys it reports as small integers. One instance serves a
 * whole process; every HBONE connection leases a slot of it.
 */
import { type Codec, createCodec } from '@isthmus/codec-wasm';
import { PEER_KEYS } from '../peer/keys.js';
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

let shared: Codec | undefined;

/** More than a server and a pool hold open together; memory of slots never used is never touched. */
const SHARED_SLOTS = 8_192;

/** The instance of this process, made on first use. */
export function meshCodec(): Codec {
  shared ??= createMeshCodec({ slots: SHARED_SLOTS });
  return shared;
}
