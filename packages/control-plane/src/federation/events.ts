/** What happens between control planes, for who counts it. */

/** Why a record of a peer is not taken over. */
export const REJECTIONS = [
  'malformed',
  'foreign-cluster',
  'foreign-network',
  'foreign-trust-domain',
  'foreign-uid',
  'bad-gateway',
  'too-many',
] as const;
export type Rejection = (typeof REJECTIONS)[number];

export type FederationEvent =
  /** Its control plane was reached after it had been lost. */
  | { readonly kind: 'reconnected'; readonly peer: string }
  /** Bytes of records, either way. */
  | { readonly kind: 'received' | 'sent'; readonly peer: string; readonly bytes: number }
  /** Records of the peer that were left out. */
  | { readonly kind: 'rejected'; readonly peer: string; readonly reason: Rejection; readonly count: number }
  /** The peer would not have what it was sent. */
  | { readonly kind: 'nacked'; readonly peer: string }
  /** A stream of somebody who is no peer, or could not prove it. */
  | { readonly kind: 'refused' }
  /** It is no peer any more. */
  | { readonly kind: 'revoked'; readonly peer: string };
