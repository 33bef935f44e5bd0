/**
 * Whether a cluster may become a peer under the trust domain that it says it is of. Its roots will vouch for that domain to
 * all proxies; so where somebody vouches for it already, they must not be others than theirs. Later ones it may tell itself,
 * over a connection that those vouch for. Pure.
 */
import { splitPem, type TrustBundles } from '@isthmus/sdk/identity';
import { fingerprintsOf } from './identity.js';
import type { Peer } from './records.js';

export interface Trusting {
  /** The own one. Roots of peers never vouch for it. */
  readonly trustDomain: string;
  /** Who is trusted now, by trust domain. */
  readonly bundles: TrustBundles;
}

/** Why not; undefined when it may. */
export function whyNotOfTrustDomain(peer: Peer, { trustDomain, bundles }: Trusting): string | undefined {
  const known = bundles.get(peer.trustDomain);
  if (peer.trustDomain === trustDomain || !known) return undefined;
  const trusted = new Set(known.flatMap(fingerprintsOf));
  const further = splitPem(peer.roots)
    .flatMap(fingerprintsOf)
    .filter((each) => !trusted.has(each));
  if (further.length === 0) return undefined;
  return `cluster ${peer.cluster} says it is of trust domain ${peer.trustDomain}, for which others vouch already, and shows roots that are not theirs (${further.join(', ')}); clusters of one trust domain need the same roots in root-cert.pem: let those that are known here have them first`;
}
