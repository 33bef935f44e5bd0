/**
 * SPIFFE ids as the mesh writes them: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
 * Source: ztunnel's identity parser (exactly five path pieces, `ns` and `sa` fixed).
 */

export interface SpiffeId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const PREFIX = 'spiffe://';

/** The id as it stands in a certificate's URI SAN. */
export function formatSpiffeId(id: SpiffeId): string {
  return `${PREFIX}${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;
}

/** Returns undefined when the text is not a workload identity; an empty trust domain, namespace or account is refused. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const pieces = text.slice(PREFIX.length).split('/');
  const [trustDomain, ns, namespace, sa, serviceAccount] = pieces;
  if (pieces.length !== 5 || ns !== 'ns' || sa !== 'sa') return undefined;
  if (!trustDomain || !namespace || !serviceAccount) return undefined;
  return { trustDomain, namespace, serviceAccount };
}
