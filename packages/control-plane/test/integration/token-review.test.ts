/** Tokens of Kubernetes' service accounts, reviewed by an API server of the test's own; kube-accounts.test.ts has a real one. */
import { X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateKey, issueToken } from '../../src/index.js';
import { type ApiServer, startApiServer, statusAnswer } from '../support/api-server.js';
import { makeRequest } from '../support/csr.js';
import { AMBIENT, type Manifest, namespace, pod } from '../support/objects.js';
import { openStream, proxyNode, requestCertificate, startPlane, type TestPlane } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

const REVIEWS = 'spiffe://cluster.local/ns/shop/sa/reviews';
const KEY = generateKey();

let api: ApiServer;
let test: TestPlane;
let file: string;
beforeEach(async () => {
  api = await startApiServer([
    namespace('istio-system', { 'topology.istio.io/network': 'network-1' }),
    namespace('shop', AMBIENT),
    pod('reviews-1', { account: 'reviews', node: 'node-1' }),
    pod('ratings-1', { account: 'ratings', node: 'node-2', ip: '10.1.0.2' }),
  ]);
  file = join(tmpdir(), `isthmus-token-review-${process.pid}.yaml`);
  await writeFile(file, api.kubeconfig());
  test = await startPlane({
    clusters: { east: {} },
    sources: [`- {cluster: east, kubernetes: {kubeconfig: ${file}}}`],
  });
});
afterEach(async () => {
  await test.close();
  await api.stop();
  await rm(file, { force: true });
});

/** As the kubelet projects it; the API alone knows whether it is good. */
function projected({ audience = 'istio-ca', ttlMs = 600_000 } = {}): Promise<string> {
  const issuer = 'https://kubernetes.default.svc.cluster.local';
  const account = { namespace: 'istio-system', serviceAccount: 'ztunnel' };
  return issueToken({ key: KEY, issuer, audience, now: Date.now(), ttlMs, ...account });
}

function accepted({ user, ...rest }: Manifest = {}): () => Manifest {
  const extra = {
    'authentication.kubernetes.io/pod-name': ['ztunnel-1'],
    'authentication.kubernetes.io/node-name': ['node-1'],
  };
  const username = 'system:serviceaccount:istio-system:ztunnel';
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:istio-system', 'system:authenticated'];
  const found = { username, groups, extra, ...(user as Manifest | undefined) };
  return () => ({ authenticated: true, audiences: ['istio-ca'], ...rest, user: found });
}

const asked = () => api.requests.filter(({ plural }) => plural === 'tokenreviews').length;

async function refusal(token: string, impersonate = REVIEWS): Promise<string> {
  const { csr } = await makeRequest();
  return requestCertificate(test, { csr, token, impersonate }).then(
    () => 'a certificate was issued',
    ({ code, details }: ServiceError) => `${status[code]}: ${details}`,
  );
}

describe('tokens of service accounts', () => {
  it('give a node proxy discovery and the certificates of its node, and are reviewed once for all of that', async () => {
    const reviewed: unknown[] = [];
    api.review = (spec) => {
      reviewed.push(spec);
      return accepted()();
    };
    const token = await projected();

    const requests = await Promise.all([makeRequest(), makeRequest(), makeRequest()]);
    const chains = await Promise.all(
      requests.map(({ csr }) => requestCertificate(test, { csr, token, impersonate: REVIEWS })),
    );
    const client = openStream(test, { token });
    client.send(request(ADDRESS, { node: proxyNode() }));
    const { names } = await client.accept();
    await client.close();

    expect(chains.map(([leaf]) => new X509Certificate(leaf!).subjectAltName)).toEqual(Array(3).fill(`URI:${REVIEWS}`));
    expect(names).toContain('east//Pod/shop/reviews-1');
    expect(reviewed).toEqual([{ token, audiences: ['istio-ca'] }]);
  });

  it('give no certificates of other nodes, and none but the own where the API names no node', async () => {
    api.review = accepted();
    const elsewhere = await refusal(await projected(), 'spiffe://cluster.local/ns/shop/sa/ratings');
    api.review = accepted({ user: { extra: {} } });
    const nowhere = await refusal(await projected({ ttlMs: 500_000 }));

    expect(elsewhere).toBe('PERMISSION_DENIED: no workload of shop/ratings is on node node-1');
    expect(nowhere).toMatch(/^PERMISSION_DENIED: the caller is not bound to a node: .*Kubernetes 1\.30 and later/);
  });

  it('are refused without a question when they have expired or are for somebody else', async () => {
    api.review = accepted();

    const expired = await refusal(await projected({ ttlMs: -60_000 }));
    const foreign = await refusal(await projected({ audience: 'vault' }));

    expect(expired).toMatch(
      /^UNAUTHENTICATED: the token was refused: it expired at \d{4}-.*; the kubelet puts a new one/,
    );
    expect(foreign).toMatch(/its audience is "vault", not istio-ca; project it with "audience: istio-ca"$/);
    expect(asked()).toBe(0);
  });

  it.each([
    ['no', { authenticated: false, error: 'no such pod' }, 'does not accept it (no such pod)'],
    ['nothing', {}, 'does not accept it (it says no more)'],
    ['no audience', accepted({ audiences: [] })(), 'does not confirm that it is for the audience istio-ca'],
    ['another audience', accepted({ audiences: ['vault'] })(), 'does not confirm that it is for the audience istio-ca'],
    [
      'a person',
      accepted({ user: { username: 'alice' } })(),
      'it is the token of "alice", which is no service account',
    ],
    ['a name without its group', accepted({ user: { groups: [] } })(), 'which is no service account'],
  ])('are refused when the review says %s', async (_what, review, reason) => {
    api.review = () => review;

    expect(await refusal(await projected())).toContain(reason);
  });

  it('are refused while the API cannot be asked, which is told once with the rule that lacks, and accepted afterwards', async () => {
    const token = await projected();
    api.review = accepted();
    api.intercept = ({ plural }) =>
      plural === 'tokenreviews' ? statusAnswer(403, 'User "u" cannot create resource "tokenreviews"') : undefined;
    const first = await refusal(token);
    await refusal(token);
    api.intercept = undefined;
    const { csr } = await makeRequest();
    await requestCertificate(test, { csr, token });

    const lines = test.logs.filter(({ message }) => message.startsWith('tokens ')).map(({ message }) => message);
    expect(first).toMatch(/the Kubernetes API cannot be asked about it; the log of the control plane has the reason/);
    expect(lines).toEqual([
      expect.stringContaining(
        'the rule {apiGroups: ["authentication.k8s.io"], resources: [tokenreviews], verbs: [create]} in a ClusterRole; callers with such tokens are refused',
      ),
      'tokens are reviewed by the Kubernetes API again',
    ]);
  });

  it('leave tokens of our own to our own key', async () => {
    const { csr } = await makeRequest();

    const [leaf] = await requestCertificate(test, { csr, token: await test.token({ pod: 'z', node: 'node-1' }) });

    expect(new X509Certificate(leaf!).subjectAltName).toBe('URI:spiffe://cluster.local/ns/istio-system/sa/ztunnel');
    expect(asked()).toBe(0);
  });
});
