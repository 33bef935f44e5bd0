/** What a cluster under istiod has besides the objects of every stage: nodes, accounts, the pods of ztunnels, and who may read. */
import { type Manifest, manifestsOf, podOf } from './manifests.js';
import { OUR_PROXIES } from './programs.js';
import type { ClusterId } from './world.js';

interface PodSpec {
  readonly nodeName: string;
  readonly serviceAccountName: string;
}

/** In an order in which an API server takes them. */
export function clusterObjects(cluster: ClusterId): readonly Manifest[] {
  const objects = manifestsOf(cluster, {});
  const ztunnels = OUR_PROXIES.filter((proxy) => proxy.role === 'ztunnel' && proxy.cluster === cluster).map(
    ({ pod: name, serviceAccount: app, namespace, node, ip }) =>
      // Not the address of the workload that it stands for, although it listens there.
      podOf({}, { name, namespace, node, app, ip: ip.replace(/^10\.77\.0/, '10.77.1'), annotations: {} }),
  );
  const pods = [...objects, ...ztunnels].filter(({ kind }) => kind === 'Pod');
  const nodes = new Set(pods.map(({ spec }) => (spec as PodSpec).nodeName));
  const accounts = new Set(pods.map((pod) => `${namespaceOf(pod)}/${(pod.spec as PodSpec).serviceAccountName}`));
  return [
    ...objects.filter(({ kind }) => kind === 'Namespace'),
    ...[...nodes].map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })),
    ...[...accounts, 'istio-system/istiod'].map(account),
    ISTIOD_MAY,
    ...ztunnels,
  ];
}

function namespaceOf({ metadata }: Manifest): string {
  return (metadata as { readonly namespace: string }).namespace;
}

function account(path: string): Manifest {
  const [namespace, name] = path.split('/');
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

/** More than its chart grants it; what it may do is not what is tested here. */
const ISTIOD_MAY: Manifest = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'istiod' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ kind: 'ServiceAccount', name: 'istiod', namespace: 'istio-system' }],
};

export function remoteSecret(cluster: ClusterId, kubeconfig: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `istio-remote-secret-${cluster}`,
      namespace: 'istio-system',
      labels: { 'istio/multiCluster': 'true' },
      annotations: { 'networking.istio.io/cluster': cluster },
    },
    stringData: { [cluster]: kubeconfig },
  };
}
