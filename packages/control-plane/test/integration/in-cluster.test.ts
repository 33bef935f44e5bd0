/** Control planes as pods of the cluster whose API they read; kube-cluster.test.ts has a real API server. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ApiServer, startApiServer } from '../support/api-server.js';
import { AMBIENT, namespace, pod, service } from '../support/objects.js';
import { openStream, proxyNode, startPlane, type TestPlane } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

let api: ApiServer;
let directory: string;
const planes: TestPlane[] = [];
beforeEach(async () => {
  api = await startApiServer([
    namespace('istio-system', { 'topology.istio.io/network': 'network-1' }),
    namespace('shop', AMBIENT),
    service('reviews'),
    pod('reviews-1', { account: 'reviews', node: 'node-1' }),
    pod('ratings-1', { account: 'ratings', node: 'node-2', ip: '10.1.0.2' }),
  ]);
  directory = await mkdtemp(join(tmpdir(), 'isthmus-in-cluster-'));
  await mount('token', api.token);
  await mount('ca.crt', api.caPem);
  const { hostname, port } = new URL(api.url);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', hostname);
  vi.stubEnv('KUBERNETES_SERVICE_PORT', port);
});
afterEach(async () => {
  for (const plane of planes.splice(0)) await plane.close();
  await api.stop();
  await rm(directory, { recursive: true });
  vi.unstubAllEnvs();
});

/** In one step, as the kubelet does. */
async function mount(name: string, text: string): Promise<void> {
  await writeFile(join(directory, `${name}.partial`), text);
  await rename(join(directory, `${name}.partial`), join(directory, name));
}

async function startReplica(waitUntilReady = true): Promise<TestPlane> {
  const kubernetes = `{inCluster: true, serviceAccountDirectory: ${directory}, rootConfigMaps: true}`;
  const sources = [`- {cluster: east, kubernetes: ${kubernetes}}`];
  const plane = await startPlane({ clusters: { east: {} }, sources, waitUntilReady });
  planes.push(plane);
  return plane;
}

async function addressesOf(plane: TestPlane): Promise<ReadonlyMap<string, string>> {
  const client = openStream(plane, { token: await plane.token({}) });
  client.send(request(ADDRESS, { node: proxyNode() }));
  const { message } = await client.accept();
  await client.close();
  return new Map(message.resources.map(({ name, version }) => [name, version]));
}

describe('control planes in a cluster', () => {
  it('all serve, the same objects under the same versions, and one writes', async () => {
    const replicas = [await startReplica(), await startReplica()];

    const [first, second] = await Promise.all(replicas.map(addressesOf));
    await expect
      .poll(() => replicas.map(({ plane }) => plane.status().writer?.leader === '').filter(Boolean))
      .toEqual([]);

    expect([...first!.keys()]).toContain('east//Pod/shop/reviews-1');
    expect(second).toEqual(first);
    expect(replicas.filter(({ plane }) => plane.status().writer?.isLeading)).toHaveLength(1);
  });

  it('go on with the next token when the kubelet has replaced the one that is refused', async () => {
    const { plane, logged } = await startReplica();

    await mount('token', 'the next token');
    api.token = 'the next token';
    api.sendAndCut('pods', '\n');
    api.put(pod('reviews-2', { account: 'reviews', node: 'node-1', ip: '10.1.0.3' }));

    await expect.poll(async () => [...(await addressesOf(planes[0]!)).keys()]).toContain('east//Pod/shop/reviews-2');
    await logged(({ message }) => message === 'what could not be read is read again');
    expect(plane.status().sources[0]?.kubernetes?.credentials).toBe(`the service account of this pod (${directory})`);
  });

  it('say that they are none when they are not', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');

    const { logged } = await startReplica(false);

    const { message } = await logged(({ level }) => level === 'error');
    expect(message).toContain(
      'KUBERNETES_SERVICE_HOST is not set, so this is no pod; set kubernetes.kubeconfig instead',
    );
  });
});
