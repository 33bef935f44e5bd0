/** Who is at the other end: baggage on the wire, metadata from the registry, and which of them is believed. */
export { baggageOf, decodePeerBaggage, encodePeerBaggage } from './baggage.js';
export { type CarriedField, PEER_KEYS, PEER_ROWS, type PeerKeyRow } from './keys.js';
export { metadataOf } from './metadata.js';
export { mergePeer, type PeerSources } from './precedence.js';
export { type Peer, type PeerMetadata, WORKLOAD_TYPES, type WorkloadType } from './types.js';
