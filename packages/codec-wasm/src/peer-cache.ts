/**
 * What a user of the codec made of each peer, by the number that stands for the peer's baggage (`ConnectView.peerId`).
 * Holds as many as the codec interns, in an array: a look-up makes no string and hashes nothing.
 */
import { Memory } from './abi.js';
import type { BaggageView, HeaderBlockView } from './types.js';

export interface PeerCache<T> {
  /** What `decode` made of this block's baggage, now or when the same bytes came before. */
  of(block: HeaderBlockView): T;
}

/** `decode` is called once for each baggage that is new or was forgotten; the views it is given are lent. */
export function createPeerCache<T>(decode: (baggage: BaggageView, block: HeaderBlockView) => T): PeerCache<T> {
  const ids = new Float64Array(Memory.INTERN_COUNT).fill(-1);
  const peers: T[] = [];
  return {
    of(block) {
      const { peerId } = block.connect();
      if (peerId < 0) return decode(block.baggage(), block);
      const entry = peerId % Memory.INTERN_COUNT;
      if (ids[entry] === peerId) return peers[entry] as T;
      const peer = decode(block.baggage(), block);
      ids[entry] = peerId;
      peers[entry] = peer;
      return peer;
    },
  };
}
