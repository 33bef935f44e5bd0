/**
 * SPIFFE's message of trust bundles, read and written. Refused: ids that are no trust domain's, a bundle that is not whole
 * DER certificates, an empty one, a message without any, and more than `MAX_DOMAINS` domains or `MAX_ANCHORS` anchors.
 */
import { create } from '@bufbuild/protobuf';
import { spiffePb } from '../wire/protos.js';
import type { TrustBundles } from './trust.js';
import { bundleFromDer, bundleToDer } from './trust-bundle.js';

const SCHEME = 'spiffe://';
const MAX_DOMAINS = 256;
const MAX_ANCHORS = 1_024;

/** Throws an Error that says what is wrong with it. */
export function readBundles({ bundles }: spiffePb.X509BundlesResponse): TrustBundles {
  const entries = Object.entries(bundles);
  // Nobody could talk to anybody; whoever says so has made a mistake.
  if (entries.length === 0) throw new Error('no trust domain is in it');
  if (entries.length > MAX_DOMAINS) throw new Error(`${entries.length} trust domains are over ${MAX_DOMAINS}`);
  const read = entries.map(([id, der]) => {
    const domain = id.startsWith(SCHEME) ? id.slice(SCHEME.length) : '';
    if (domain === '' || domain.includes('/')) throw new Error(`"${id}" is not the SPIFFE id of a trust domain`);
    try {
      return [domain, bundleFromDer(der)] as const;
    } catch (error) {
      throw new Error(`the roots of ${domain}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  const anchors = read.reduce((sum, [, pems]) => sum + pems.length, 0);
  if (anchors > MAX_ANCHORS) throw new Error(`${anchors} roots are over ${MAX_ANCHORS}`);
  return new Map(read);
}

/** What a server answers with. */
export function writeBundles(bundles: TrustBundles): spiffePb.X509BundlesResponse {
  const entries = [...bundles].map(([domain, pems]) => [`${SCHEME}${domain}`, bundleToDer(pems)]);
  return create(spiffePb.X509BundlesResponseSchema, { bundles: Object.fromEntries(entries) });
}
