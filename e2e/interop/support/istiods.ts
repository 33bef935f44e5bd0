/**
 * Real istiods for control planes, one in each cluster as Istio's multi-primary installation has them, each over a real
 * kube-apiserver and etcd: nothing here but what a cluster's administrator, its kubelets and its CNI agent would do.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { makeCacerts } from '@isthmus/control-plane';
import { readDefinitions } from '../../../packages/control-plane/test/support/definitions.js';
import { type KubeApiserver, startKubeApiserver } from '../../../packages/control-plane/test/support/kube-apiserver.js';
import { until } from '../../support/wait.js';
import type { Access, ControlPlanes, Ground, OpenControlPlanes } from './control-planes.js';
import type { TokenHolder } from './credentials.js';
import { clusterObjects, remoteSecret } from './istiod-objects.js';
import { type Manifest, manifestsOf } from './manifests.js';
import type { Spec } from './processes.js';
import { BASE_ENV, CLUSTERS, type ClusterId, CONTROL_PLANE, loopbackOf, NETWORK, TRUST_DOMAIN } from './world.js';

/** What the chart gives ztunnel to reach it by; only east's has the name, as only its own cluster resolves it. */
const SERVICE = 'istiod.istio-system.svc';
const HTTP_PORT = 8080;

export function openIstiods(istiod: string): OpenControlPlanes {
  return async (ground) => {
    const apis = new Map<ClusterId, KubeApiserver>();
    const close = async () => {
      await Promise.all([...apis.values()].map((api) => api.close()));
    };
    try {
      for (const cluster of CLUSTERS) apis.set(cluster, await startApi(ground));
      await Promise.all(CLUSTERS.map((cluster) => populate(apiOf(cluster), cluster)));
      await joinClusters(apis);
      await makeCas(ground.directory);
      ground.overlay('real', 'hosts', hosts());
      ground.overlay('ours', 'hosts', hosts());
      return await createControlPlanes(ground, { istiod, apiOf, close });
    } catch (error) {
      await close();
      throw error;
    }

    function apiOf(cluster: ClusterId): KubeApiserver {
      const api = apis.get(cluster);
      if (!api) throw new Error(`the API server of ${cluster} is not there`);
      return api;
    }
  };
}

interface Parts {
  readonly istiod: string;
  apiOf(cluster: ClusterId): KubeApiserver;
  close(): Promise<void>;
}

async function createControlPlanes(ground: Ground, { istiod, apiOf, close }: Parts): Promise<ControlPlanes> {
  const applied = new Map<ClusterId, readonly Manifest[]>();
  const apply: ControlPlanes['apply'] = async (cluster, variation) => {
    const before = applied.get(cluster) ?? [];
    const objects = manifestsOf(cluster, variation);
    applied.set(cluster, objects);
    for (const object of objects) {
      if (!before.some((each) => isDeepStrictEqual(each, object))) await apiOf(cluster).apply(object);
    }
    for (const object of before) {
      if (!objects.some((each) => keyOf(each) === keyOf(object))) await apiOf(cluster).remove(object);
    }
  };
  const specOf = async (cluster: ClusterId) => istiodSpec(ground, istiod, cluster, await adminConfig(apiOf(cluster)));
  for (const cluster of CLUSTERS) await apply(cluster, {});
  return {
    specs: { east: await specOf('east'), west: await specOf('west') },
    readiness: { port: HTTP_PORT, path: '/ready' },
    accessOf: (holder) => mountSecrets(ground.directory, apiOf(holder.cluster), holder),
    apply,
    close,
  };
}

async function startApi({ namespaces, processes, door }: Ground): Promise<KubeApiserver> {
  return startKubeApiserver({
    spawn: (program, flags) =>
      processes.spawn({ namespace: namespaces.ours, command: [program, ...flags], env: BASE_ENV }),
    reach: async (port) => (await door('ours', '127.0.0.1', port)).port,
    // No default route leads to the address that it would announce.
    flags: ['--advertise-address=192.0.2.1'],
  });
}

async function populate(api: KubeApiserver, cluster: ClusterId): Promise<void> {
  for (const definition of readDefinitions()) await api.apply(definition);
  for (const object of clusterObjects(cluster)) {
    // A definition takes a moment to be served.
    await until(`${keyOf(object)} of ${cluster}`, () => api.apply(object));
  }
}

/** As `istioctl create-remote-secret` does: each may read the other. */
async function joinClusters(apis: ReadonlyMap<ClusterId, KubeApiserver>): Promise<void> {
  for (const [cluster, api] of apis) {
    for (const [other, otherApi] of apis) {
      if (other !== cluster) await api.apply(remoteSecret(other, await adminConfig(otherApi)));
    }
  }
}

async function adminConfig(api: KubeApiserver): Promise<string> {
  return api.kubeconfig(await api.token('istio-system/istiod'));
}

async function makeCas(directory: string): Promise<void> {
  const root = join(directory, 'root');
  // One after the other: the first makes the root that the second one shares.
  for (const cluster of CLUSTERS) {
    await makeCacerts({ out: cacerts(directory, cluster), root, cluster, trustDomain: TRUST_DOMAIN, now: Date.now() });
  }
}

function cacerts(directory: string, cluster: ClusterId): string {
  return join(directory, `ca-${cluster}`);
}

function hosts(): string {
  return `127.0.0.1 localhost\n${CONTROL_PLANE.east} ${SERVICE}\n`;
}

/** The chart's arguments and environment; addresses, because two of them share a network namespace. */
function istiodSpec({ namespaces, directory }: Ground, istiod: string, cluster: ClusterId, kubeconfig: string): Spec {
  const host = CONTROL_PLANE[cluster];
  const own = join(directory, `istiod-${cluster}`);
  mkdirSync(own);
  writeFileSync(join(own, 'kubeconfig'), kubeconfig, { mode: 0o600 });
  writeFileSync(join(own, 'mesh'), JSON.stringify(MESH));
  return {
    name: `${cluster}/control-plane`,
    namespace: namespaces.ours,
    directory: own,
    command: [
      istiod,
      ...['discovery', '--kubeconfig', 'kubeconfig', '--meshConfig', 'mesh', '--domain', 'cluster.local'],
      ...['--httpAddr', `${host}:${HTTP_PORT}`, '--httpsAddr', `${host}:15017`, '--grpcAddr', `${host}:15010`],
      ...[
        '--secureGRPCAddr',
        `${host}:15012`,
        '--monitoringAddr',
        `${loopbackOf(host)}:15014`,
        '--ctrlz_address',
        host,
      ],
      ...['--log_output_level', 'default:info,ads:debug', '--shutdownDuration', '1s'],
    ],
    env: {
      ...BASE_ENV,
      REVISION: 'default',
      PILOT_CERT_PROVIDER: 'istiod',
      POD_NAME: `istiod-${cluster}`,
      POD_NAMESPACE: 'istio-system',
      SERVICE_ACCOUNT: 'istiod',
      CLUSTER_ID: cluster,
      ROOT_CA_DIR: cacerts(directory, cluster),
      CA_TRUSTED_NODE_ACCOUNTS: 'istio-system/ztunnel',
      PILOT_ENABLE_AMBIENT: 'true',
      AMBIENT_ENABLE_MULTI_NETWORK: 'true',
      AMBIENT_ENABLE_BAGGAGE: 'true',
      // Nobody here deploys what a Gateway asks for; gateways and their status are made by hand.
      PILOT_ENABLE_GATEWAY_API_STATUS: 'false',
      PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER: 'false',
    },
  };
}

/** Of the ambient profile. */
const MESH = {
  trustDomain: TRUST_DOMAIN,
  rootNamespace: 'istio-system',
  serviceScopeConfigs: [
    {
      servicesSelector: { matchExpressions: [{ key: 'istio.io/global', operator: 'In', values: ['true'] }] },
      scope: 'GLOBAL',
    },
  ],
};

/** As the kubelet mounts them: a token bound to the pod, and the roots that istiod writes into the namespace. */
async function mountSecrets(directory: string, api: KubeApiserver, holder: TokenHolder): Promise<Access> {
  const { cluster, namespace, serviceAccount, pod: name } = holder;
  const mounts = join(directory, `pod-${name}`);
  const put = (file: string, text: string) => {
    const path = join(mounts, 'var/run/secrets', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  };
  const pod = await api.send('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
  const bound = { ...pod, apiVersion: 'v1', kind: 'Pod' };
  put('tokens/istio-token', await api.token(`${namespace}/${serviceAccount}`, { audience: 'istio-ca', pod: bound }));
  const roots = await until(`roots in ${namespace} of ${cluster}`, () =>
    api.send('GET', `/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`),
  );
  put('istio/root-cert.pem', (roots.data as { readonly 'root-cert.pem': string })['root-cert.pem']);
  return { directory: mounts, env: { ...chartEnvironment(holder), ...addressesOf(cluster) } };
}

function addressesOf(cluster: ClusterId): Spec['env'] {
  if (cluster === 'east') return { XDS_ADDRESS: `${SERVICE}:15012`, CA_ADDRESS: `${SERVICE}:15012` };
  const address = `https://${CONTROL_PLANE[cluster]}:15012`;
  return { XDS_ADDRESS: address, CA_ADDRESS: address, ALT_XDS_HOSTNAME: SERVICE, ALT_CA_HOSTNAME: SERVICE };
}

/** What else the chart of ztunnel sets; other proxies share with it only how they name their cluster. */
function chartEnvironment({ cluster, serviceAccount }: TokenHolder): Spec['env'] {
  const clusterId = { ISTIO_META_CLUSTER_ID: cluster };
  if (serviceAccount === 'eastwest') return { ...clusterId, EXPORTED_SERVICES: 'demo/*' };
  if (serviceAccount !== 'ztunnel') return clusterId;
  return {
    ...clusterId,
    NETWORK: NETWORK[cluster],
    ISTIO_META_ENABLE_HBONE: 'true',
    INPOD_ENABLED: 'true',
    TERMINATION_GRACE_PERIOD_SECONDS: '30',
    ZTUNNEL_CPU_LIMIT: '2',
    RUST_BACKTRACE: '1',
  };
}

function keyOf({ kind, metadata }: Manifest): string {
  const { namespace = '', name } = metadata as { readonly namespace?: string; readonly name: string };
  return `${String(kind)} ${namespace}/${name}`;
}
