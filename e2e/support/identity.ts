/** A certificate of a workload of the lab, got as its ztunnel gets it, for clients that are not ours. */
import { readFileSync } from 'node:fs';
import { createCaClient, createSigningRequest } from '@isthmus/sdk/identity';
import type { Lab } from '@isthmus/tools/lab';

export interface PemIdentity {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export async function identityOf(lab: Lab, clusterId: 'east' | 'west', serviceAccount: string): Promise<PemIdentity> {
  const cluster = lab.world.clusters[clusterId];
  const identity = `spiffe://cluster.local/ns/shop/sa/${serviceAccount}`;
  const ca = readFileSync(lab.files.rootCertificate, 'utf8');
  const { csr, privateKey } = await createSigningRequest(identity);
  const client = createCaClient({
    address: `https://${cluster.controlPlaneIp}:15012`,
    roots: ca,
    token: readFileSync(lab.files.token(cluster, cluster.ztunnel), 'utf8'),
    asks: 'impersonate',
  });
  const chain = await client.sign({ identity, csr }, AbortSignal.timeout(10_000));
  return { key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), cert: chain.slice(0, -1).join(''), ca };
}
