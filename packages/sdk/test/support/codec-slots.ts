/** Slots of the codecs of this process: every HBONE connection leases one. */
import type { ConnectionDecoder } from '@isthmus/codec-wasm';
import { meshCodec } from '../../src/hbone/index.js';

export function leaseSlot(): ConnectionDecoder {
  return meshCodec().openDecoder({ role: 'server', maxFrameSize: 16_384, maxHeaderListSize: 16_384 });
}

/** Leases slots until the process has none; `refusal` is what the one too many was told. */
export function leaseAllSlots(): { readonly leased: readonly ConnectionDecoder[]; readonly refusal: unknown } {
  const leased: ConnectionDecoder[] = [];
  try {
    for (;;) leased.push(leaseSlot());
  } catch (refusal) {
    return { leased, refusal };
  }
}
