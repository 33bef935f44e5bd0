/** Which chains count for a trust domain, apart from what TLS has verified. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSigningRequest, createTrust, type Trust } from '../../../src/identity/index.js';
import { createRoot, type Issuer } from '../../support/certificate-chains.js';

const IDENTITY = 'spiffe://cluster.local/ns/shop/sa/reviews';
const HOUR_MS = 3_600_000;

function trusting(...roots: readonly Issuer[]): Trust {
  const trust = createTrust();
  trust.set(new Map([['cluster.local', roots.map(({ pem }) => pem)]]));
  return trust;
}

/** What a peer shows: its leaf, then `links` in that order. TLS has verified it by other roots. */
async function shown(issuer: Issuer, ...links: readonly Issuer[]) {
  const { csr } = await createSigningRequest(IDENTITY);
  const pems = [await issuer.sign(csr, IDENTITY), ...links.map(({ pem }) => pem)];
  const chain = pems.map((pem) => new X509Certificate(pem));
  return { trustDomain: 'cluster.local', chain: () => chain, at: Date.now(), verifiedBy: [] };
}

describe('a chain counts for a trust domain', () => {
  it('whose root it leads to over intermediates, in whatever order they were sent', async () => {
    const root = await createRoot('root');
    const middle = await root.intermediate();
    const low = await middle.intermediate();

    const refusal = trusting(root).refusal(await shown(low, middle, low));

    expect(refusal).toBeUndefined();
  });

  it('not over an intermediate that had expired: TLS may have taken another way, to the root of another domain', async () => {
    const root = await createRoot('root');
    const expired = await root.intermediate({ notAfter: new Date(Date.now() - HOUR_MS) });
    const proven = await shown(expired, expired);

    const refusal = trusting(root).refusal(proven);
    const inTime = trusting(root).refusal({ ...proven, at: Date.now() - 2 * HOUR_MS });

    expect(refusal).toContain('not issued under the roots of trust domain cluster.local');
    expect(inTime).toBeUndefined();
  });

  it('not over a certificate that must not sign', async () => {
    const root = await createRoot('root');
    const leaf = await root.intermediate({ ca: false });

    const refusal = trusting(root).refusal(await shown(leaf, leaf));

    expect(refusal).toContain('not issued under the roots of trust domain cluster.local');
  });
});
