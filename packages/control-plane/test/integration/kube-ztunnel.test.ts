/**
 * Istio's ztunnel with a projected token of a real API server under our control plane, where `ZTUNNEL_BIN`,
 * `KUBE_APISERVER` and `ETCD` name the binaries. Its ports are fixed, so give it a network of its own, as
 * docs/kubernetes.md shows.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDefinitions } from '../support/definitions.js';
import { type KubeApiserver, missingBinaries, startKubeApiserver } from '../support/kube-apiserver.js';
import { AMBIENT, account, type Manifest, namespace, node, podWithStatus } from '../support/objects.js';
import { readPermissions } from '../support/permissions.js';
import { startPlane, type TestPlane } from '../support/plane.js';

const { ZTUNNEL_BIN = '' } = process.env;
const missing = missingBinaries ?? (ZTUNNEL_BIN === '' ? 'ZTUNNEL_BIN names no binary' : undefined);
if (missing) console.log(`kube-ztunnel.test.ts is skipped: ${missing}`);

const IDENTITY = 'spiffe://cluster.local/ns/shop/sa/client';
const WEB_IP = '10.1.0.2';

describe.skipIf(missing !== undefined)("Istio's ztunnel in a cluster of ours", () => {
  let api: KubeApiserver;
  let directory: string;
  let plane: TestPlane;
  let ztunnel: ChildProcess | undefined;
  let client: Manifest;
  beforeAll(async () => {
    api = await startKubeApiserver();
    directory = await mkdtemp(join(tmpdir(), 'isthmus-ztunnel-'));
    for (const object of [
      ...readDefinitions(),
      namespace('istio-system', { 'topology.istio.io/network': 'network-1' }),
      namespace('shop', AMBIENT),
      node('node-1'),
      account('client', 'shop'),
      ...readPermissions(),
    ])
      await api.apply(object);
    const annotations = { 'ambient.istio.io/redirection': 'enabled' };
    client = await api.apply(podWithStatus('client-1', { account: 'client', ip: '10.1.0.1', annotations }));
    await api.apply(podWithStatus('web-1', { account: 'web', ip: WEB_IP, annotations }));
    const kubeconfig = join(directory, 'kubeconfig');
    await writeFile(kubeconfig, api.kubeconfig(await api.token('istio-system/isthmus-control-plane')));
    plane = await startPlane({
      clusters: { east: {} },
      sources: [`- {cluster: east, kubernetes: {kubeconfig: ${kubeconfig}, rootConfigMaps: true}}`],
    });
  }, 120_000);
  afterAll(async () => {
    ztunnel?.kill('SIGKILL');
    await plane?.close();
    await api?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  /** What the kubelet mounts into the pod. */
  async function mount(): Promise<{ readonly token: string; readonly roots: string }> {
    const [token, roots] = [join(directory, 'istio-token'), join(directory, 'root-cert.pem')];
    await writeFile(token, await api.token('shop/client', { audience: 'istio-ca', pod: client }));
    const path = '/api/v1/namespaces/shop/configmaps/istio-ca-root-cert';
    const { data } = await expect
      .poll(() => api.send('GET', path).catch(() => ({ data: undefined })))
      .toMatchObject({ data: { 'root-cert.pem': expect.stringContaining('BEGIN CERTIFICATE') } })
      .then(() => api.send('GET', path));
    await writeFile(roots, (data as { 'root-cert.pem': string })['root-cert.pem']);
    return { token, roots };
  }

  it('becomes ready and has its certificate by the token of its pod', { timeout: 60_000 }, async () => {
    const { token, roots } = await mount();
    const address = `https://localhost:${plane.plane.ports.listen}`;

    ztunnel = spawn(ZTUNNEL_BIN, [], {
      stdio: 'ignore',
      env: {
        PROXY_MODE: 'dedicated',
        PROXY_WORKLOAD_INFO: 'shop/client-1/client',
        POD_NAME: 'client-1',
        POD_NAMESPACE: 'shop',
        INSTANCE_IP: '10.1.0.1',
        NODE_NAME: 'node-1',
        NETWORK: 'network-1',
        CLUSTER_ID: 'east',
        XDS_ADDRESS: address,
        CA_ADDRESS: address,
        XDS_ROOT_CA: roots,
        CA_ROOT_CA: roots,
        AUTH_TOKEN: token,
        UNSTABLE_ENABLE_SOCKS5: 'true',
        ENABLE_ORIG_SRC: 'false',
        IPV6_ENABLED: 'false',
        ISTIO_META_DNS_CAPTURE: 'false',
      },
    });
    await expect.poll(() => statusOf('http://127.0.0.1:15021/healthz/ready')).toBe(200);
    // It asks for a certificate with the first connection into the mesh, whether or not that arrives.
    dialBySocks(WEB_IP, 8080);
    const issued = await plane.logged(({ message }) => message === 'certificate issued');

    const [proxy] = plane.plane.status().proxies;
    expect(issued).toMatchObject({ caller: IDENTITY, node: 'node-1', identity: IDENTITY });
    expect(proxy).toMatchObject({ identity: IDENTITY });
    expect(proxy!.types.map(({ state }) => state)).toEqual(['synced', 'synced']);
    expect(plane.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', () => resolve(undefined));
  });
}

function dialBySocks(ip: string, port: number): void {
  const socket = connect(15_080, '127.0.0.1', () => socket.write(Buffer.from([5, 1, 0])));
  socket.once('data', () =>
    socket.write(Buffer.from([5, 1, 0, 1, ...ip.split('.').map(Number), port >> 8, port & 255])),
  );
  socket.on('error', () => {});
  socket.setTimeout(10_000, () => socket.destroy());
}
