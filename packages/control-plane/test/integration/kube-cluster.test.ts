/**
 * Control planes as they run in a cluster, against a real kube-apiserver where `KUBE_APISERVER` and `ETCD` name the
 * binaries: with the manifests of `deploy/`, under the service account of the pod and with its permissions only.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRequest } from '../support/csr.js';
import { readDefinitions } from '../support/definitions.js';
import { type KubeApiserver, missingBinaries, startKubeApiserver } from '../support/kube-apiserver.js';
import { AMBIENT, account, type Manifest, namespace, node, podWithStatus } from '../support/objects.js';
import { grantedBy, readManifests, readPermissions } from '../support/permissions.js';
import { openStream, proxyNode, requestCertificate, startPlane, type TestPlane } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

if (missingBinaries) console.log(`kube-cluster.test.ts is skipped: ${missingBinaries}`);

const ACCOUNT = 'istio-system/isthmus-control-plane';
const REVIEWS = 'spiffe://cluster.local/ns/shop/sa/reviews';
const ROOTS = 'istio-ca-root-cert';

describe.skipIf(missingBinaries !== undefined)('control planes in a cluster', () => {
  let api: KubeApiserver;
  let directory: string;
  let planes: readonly TestPlane[] = [];
  let ztunnel: Manifest;
  beforeAll(async () => {
    api = await startKubeApiserver();
    directory = await mkdtemp(join(tmpdir(), 'isthmus-pod-'));
    for (const object of [
      ...readDefinitions(),
      namespace('istio-system', { 'topology.istio.io/network': 'network-1' }),
      namespace('shop', AMBIENT),
      node('node-1'),
      account('ztunnel', 'istio-system'),
      account('reviews', 'shop'),
      ...readPermissions(),
      podWithStatus('reviews-1', { account: 'reviews', ip: '10.1.0.1' }),
    ])
      await api.apply(object);
    ztunnel = podWithStatus('ztunnel-1', { account: 'ztunnel', namespace: 'istio-system', ip: '10.1.0.9' });
    ztunnel = await api.apply(ztunnel);
    await mountServiceAccount();
    planes = [await startReplica(), await startReplica()];
  }, 120_000);
  afterAll(async () => {
    for (const plane of planes) await plane.close();
    await api?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  /** As the kubelet does for each container. */
  async function mountServiceAccount(): Promise<void> {
    await mkdir(join(directory, 'account'));
    await writeFile(join(directory, 'account', 'token'), await api.token(ACCOUNT));
    await writeFile(join(directory, 'account', 'ca.crt'), api.caPem);
    const { hostname, port } = new URL(api.url);
    process.env.KUBERNETES_SERVICE_HOST = hostname;
    process.env.KUBERNETES_SERVICE_PORT = port;
  }

  function startReplica(): Promise<TestPlane> {
    const mounted = join(directory, 'account');
    return startPlane({
      clusters: { east: {} },
      root: join(directory, 'root'),
      sources: [
        `- {cluster: east, kubernetes: {inCluster: true, serviceAccountDirectory: ${mounted}, rootConfigMaps: true}}`,
      ],
    });
  }

  async function addressesOf(plane: TestPlane): Promise<ReadonlyMap<string, string>> {
    const client = openStream(plane, { token: await plane.token({}) });
    client.send(request(ADDRESS, { node: proxyNode() }));
    const { message } = await client.accept();
    await client.close();
    return new Map(message.resources.map(({ name, version }) => [name, version]));
  }

  async function refusal(token: string): Promise<string> {
    const { csr } = await makeRequest();
    return requestCertificate(planes[0]!, { csr, token, impersonate: REVIEWS }).then(
      () => 'a certificate was issued',
      ({ code, details }: ServiceError) => `${status[code]}: ${details}`,
    );
  }

  const rootsIn = (name: string) =>
    api.send('GET', `/api/v1/namespaces/${name}/configmaps/${ROOTS}`).then(
      ({ data }) => (data as { 'root-cert.pem': string })['root-cert.pem'],
      () => undefined,
    );

  it('are deployed by manifests that the API accepts as they are', { timeout: 60_000 }, async () => {
    const files = readManifests();

    for (const object of files.flatMap(({ objects }) => objects)) await api.apply(object);

    expect(files.map(({ file }) => file)).toContain('control-plane.yaml');
  });

  it('serve the same versions, each by itself', { timeout: 60_000 }, async () => {
    const [first, second] = await Promise.all(planes.map(addressesOf));

    expect([...first!.keys()]).toContain('east//Pod/shop/reviews-1');
    expect(second).toEqual(first);
  });

  it('give a ztunnel with its projected token the certificates of its node', { timeout: 60_000 }, async () => {
    const token = await api.token('istio-system/ztunnel', { audience: 'istio-ca', pod: ztunnel });
    const { csr } = await makeRequest();

    const chains = await Promise.all(
      planes.map((plane) => requestCertificate(plane, { csr, token, impersonate: REVIEWS })),
    );

    for (const [leaf] of chains) expect(new X509Certificate(leaf!).subjectAltName).toBe(`URI:${REVIEWS}`);
  });

  it('refuse tokens for others, of nobody, of no pod, and of pods that are gone', { timeout: 60_000 }, async () => {
    const gone = await api.apply(
      podWithStatus('ztunnel-2', { account: 'ztunnel', namespace: 'istio-system', ip: '10.1.0.10' }),
    );
    const ofGone = await api.token('istio-system/ztunnel', { audience: 'istio-ca', pod: gone });
    await api.remove(gone);

    const answers = [
      await refusal(await api.token('istio-system/ztunnel', { audience: 'vault' })),
      await refusal(await api.expiredToken('istio-system/ztunnel')),
      await refusal(await api.token('istio-system/ztunnel', { audience: 'istio-ca' })),
      await refusal(ofGone),
      await refusal(await api.token('shop/reviews', { audience: 'istio-ca' })),
    ];

    expect(answers).toEqual([
      expect.stringContaining('its audience is vault, not istio-ca'),
      expect.stringMatching(/^UNAUTHENTICATED: .*it expired at/),
      expect.stringMatching(/^PERMISSION_DENIED: the caller is not bound to a node/),
      expect.stringMatching(/^UNAUTHENTICATED: .*does not accept it \(.+\)/),
      'a certificate was issued',
    ]);
  });

  it('write the roots into every namespace, one replica at a time', { timeout: 60_000 }, async () => {
    const isLeading = () => planes.map(({ plane }) => plane.status().writer?.isLeading === true);
    await expect.poll(() => isLeading().filter(Boolean)).toHaveLength(1);
    const leader = planes[isLeading().indexOf(true)]!;
    const other = planes[isLeading().indexOf(false)]!;
    await expect.poll(() => rootsIn('shop')).toBe(leader.rootPem);

    await leader.close();
    planes = [other];
    await expect.poll(() => other.plane.status().writer?.isLeading).toBe(true);
    await api.apply(namespace('books'));
    await expect.poll(() => rootsIn('books')).toBe(other.rootPem);

    expect(await rootsIn('kube-system')).toBeUndefined();
  });

  it('do with the permissions of the manifest, and use all of them', { timeout: 60_000 }, async () => {
    const renewed = async () =>
      (await api.askedBy(ACCOUNT)).has('update leases.coordination.k8s.io/isthmus-control-plane');
    await expect.poll(renewed).toBe(true);

    const asked = await api.askedBy(ACCOUNT);
    const refused = planes.flatMap(({ logs }) => logs.filter(({ message }) => message.includes('does not let us')));
    const unused = grantedBy(readPermissions()).filter((permission) => !asked.has(permission));

    expect(refused).toEqual([]);
    // Applying what is not there yet needs it, and is told as `patch`.
    expect(unused).toEqual([`create configmaps./${ROOTS}`]);
  });
});
