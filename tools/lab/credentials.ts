/**
 * What lets the processes of a lab trust each other, made by the same functions as the control plane's commands `cacerts`
 * and `token`: one root, an intermediate CA per cluster, a token key per cluster and a token for each proxy. In this process,
 * because a process per token would take longer than everything else in the start.
 */
import { writeFile } from 'node:fs/promises';
import { generateKey, issueToken, makeCacerts, writePrivateKey } from '@isthmus/control-plane';
import type { LabFiles } from './files.js';
import { proxyPods, TOKEN_AUDIENCE, TOKEN_ISSUER } from './process-specs.js';
import { type Cluster, clustersOf, TRUST_DOMAIN, type World } from './topology.js';

/** Longer than a lab is left running over a weekend. */
const TOKEN_LIFE_MS = 7 * 86_400_000;

export async function issueCredentials(world: World, files: LabFiles): Promise<void> {
  const now = Date.now();
  for (const cluster of clustersOf(world)) {
    // One after the other: the first makes the root that the second one shares.
    await makeCacerts({
      out: files.cacerts(cluster),
      root: files.rootDirectory,
      cluster: cluster.id,
      trustDomain: TRUST_DOMAIN,
      now,
    });
    await issueTokens(cluster, files, now);
  }
}

/** A ztunnel's token is bound to its node: that is what lets it ask for the certificates of the workloads there. */
async function issueTokens(cluster: Cluster, files: LabFiles, now: number): Promise<void> {
  const key = generateKey();
  await writePrivateKey(files.tokenKey(cluster), key);
  for (const pod of proxyPods(cluster)) {
    const token = await issueToken({
      key,
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
      namespace: pod.namespace,
      serviceAccount: pod.serviceAccount,
      pod: pod.name,
      node: cluster.node,
      now,
      ttlMs: TOKEN_LIFE_MS,
    });
    await writeFile(files.token(cluster, pod), token, { mode: 0o600 });
  }
}
