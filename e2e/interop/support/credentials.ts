/** One root, a CA per cluster, a token for each proxy: made by the functions behind `isthmus-control-plane cacerts` and `token`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey, issueToken, makeCacerts, writePrivateKey } from '@isthmus/control-plane';
import { type ClusterId, TOKEN, TRUST_DOMAIN } from './world.js';

const TOKEN_LIFE_MS = 3_600_000;

export interface TokenHolder {
  readonly cluster: ClusterId;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly node: string;
}

export interface Credentials {
  readonly rootCertificate: string;
  cacerts(cluster: ClusterId): string;
  tokenKey(cluster: ClusterId): string;
  /** Path of the file. */
  token(holder: TokenHolder): Promise<string>;
}

export async function createCredentials(directory: string): Promise<Credentials> {
  const now = Date.now();
  const root = join(directory, 'root');
  const cacerts = (cluster: ClusterId) => join(directory, `ca-${cluster}`);
  const tokenKey = (cluster: ClusterId) => join(directory, `tokens-${cluster}.pem`);
  const keys = { east: generateKey(), west: generateKey() };
  for (const cluster of ['east', 'west'] as const) {
    // One after the other: the first makes the root that the second one shares.
    await makeCacerts({ out: cacerts(cluster), root, cluster, trustDomain: TRUST_DOMAIN, now });
    await writePrivateKey(tokenKey(cluster), keys[cluster]);
  }
  return {
    rootCertificate: join(root, 'root-cert.pem'),
    cacerts,
    tokenKey,
    async token({ cluster, ...holder }) {
      const file = join(directory, `token-${cluster}-${holder.pod}`);
      const token = await issueToken({ key: keys[cluster], ...TOKEN, ...holder, now, ttlMs: TOKEN_LIFE_MS });
      writeFileSync(file, token, { mode: 0o600 });
      return file;
    },
  };
}
