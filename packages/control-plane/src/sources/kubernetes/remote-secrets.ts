/**
 * Istio's remote secrets, read: which clusters they name and by which kubeconfig each is reached. Pure. What cannot be
 * used is told with the Secret's name and leaves out that cluster only. Kubeconfigs are never quoted.
 */
import type { Problem } from '../../schema/index.js';
import { compareNames } from '../shards.js';
import { nameOfObject } from './table.js';

export interface RemoteCluster {
  readonly id: string;
  /** `istio-system/west`. */
  readonly secret: string;
  readonly kubeconfig: string;
}

export interface RemotePlan {
  readonly clusters: ReadonlyMap<string, RemoteCluster>;
  readonly problems: readonly Problem[];
}

export interface RemotePlanInit {
  /** Secrets as the API has them. */
  readonly secrets: readonly unknown[];
  /** Clusters that are no remotes by Secret, with where they come from: `clusterId`. */
  readonly taken: ReadonlyMap<string, string>;
}

/** A cluster costs a connection for each kind, and its objects' memory. */
const MAX_REMOTES = 256;

interface SecretShape {
  readonly metadata?: { readonly creationTimestamp?: unknown } | null;
  readonly data?: Readonly<Record<string, unknown>> | null;
}

export function planRemotes({ secrets, taken }: RemotePlanInit): RemotePlan {
  const clusters = new Map<string, RemoteCluster>();
  const problems: Problem[] = [];
  for (const found of inOrder(secrets).flatMap(clustersOf)) {
    const refusal = refusalOf(found, { clusters, taken });
    if (refusal === undefined) clusters.set(found.id, found);
    else
      problems.push({
        severity: 'error',
        file: `Secret ${found.secret}`,
        line: 0,
        col: 0,
        path: `data["${found.id}"]`,
        message: refusal,
      });
  }
  return { clusters, problems };
}

/** The oldest first: of two that name one cluster it stays, so that a new Secret cannot take a cluster over. */
function inOrder(secrets: readonly unknown[]): readonly unknown[] {
  const born = (secret: unknown) => String((secret as SecretShape | null)?.metadata?.creationTimestamp ?? '');
  return [...secrets].sort((a, b) => compareNames(born(a), born(b)) || compareNames(nameOfObject(a), nameOfObject(b)));
}

function clustersOf(value: unknown): readonly RemoteCluster[] {
  const secret = nameOfObject(value);
  return Object.entries((value as SecretShape | null)?.data ?? {}).map(([id, data]) => {
    return { id, secret, kubeconfig: typeof data === 'string' ? Buffer.from(data, 'base64').toString('utf8') : '' };
  });
}

function refusalOf(
  { id, kubeconfig }: RemoteCluster,
  { clusters, taken }: Pick<RemotePlan, 'clusters'> & Pick<RemotePlanInit, 'taken'>,
): string | undefined {
  const source = taken.get(id);
  if (source !== undefined) return `cluster ${id} is given by ${source} already; remove the key`;
  const first = clusters.get(id);
  if (first) return `cluster ${id} is in the older Secret ${first.secret} already; remove one of them`;
  if (!/^[\w.-]+$/.test(id)) return 'is no id of a cluster: letters, digits, "-", "." and "_"';
  if (kubeconfig.trim() === '') return 'is empty; put the kubeconfig of the cluster there';
  if (clusters.size >= MAX_REMOTES) return `is beyond the limit of ${MAX_REMOTES} remote clusters`;
  return undefined;
}
