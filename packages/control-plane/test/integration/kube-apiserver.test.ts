/** Against a real kube-apiserver, where `KUBE_APISERVER` and `ETCD` name the binaries. */
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, realClock } from '@isthmus/sdk/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKubernetesSource } from '../../src/sources/index.js';
import { type KubeApiserver, startKubeApiserver } from '../support/kube-apiserver.js';
import { captureLogs } from '../support/logs.js';
import { type Manifest, namespace, pod, service } from '../support/objects.js';
import { readPermissions } from '../support/permissions.js';
import { createQueue } from '../support/queue.js';

const { KUBE_APISERVER: apiserver = '', ETCD: etcd = '' } = process.env;
const isThere = apiserver !== '' && etcd !== '';
if (!isThere) console.log('kube-apiserver.test.ts is skipped: KUBE_APISERVER and ETCD name no binaries');

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const PATHS: Readonly<Record<string, string>> = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: '/api/v1/namespaces/istio-system/serviceaccounts',
  ClusterRole: `${RBAC}/clusterroles`,
  ClusterRoleBinding: `${RBAC}/clusterrolebindings`,
  Role: `${RBAC}/namespaces/istio-system/roles`,
  RoleBinding: `${RBAC}/namespaces/istio-system/rolebindings`,
  Service: '/api/v1/namespaces/shop/services',
  Pod: '/api/v1/namespaces/shop/pods',
};

describe.skipIf(!isThere)('a real kube-apiserver as a source', () => {
  const scope = createScope();
  const file = join(tmpdir(), `isthmus-kube-apiserver-${process.pid}.yaml`);
  let api: KubeApiserver;
  const create = (object: Manifest) => api.send('POST', PATHS[String(object.kind)]!, object);
  beforeAll(async () => {
    api = await startKubeApiserver({ apiserver, etcd });
    await writeFile(file, api.kubeconfig);
    for (const object of [namespace('istio-system'), namespace('shop'), ...readPermissions()]) await create(object);
  }, 120_000);
  afterAll(async () => {
    await scope.close();
    await api?.close();
    await rm(file, { force: true });
  }, 60_000);

  it('is read with the permissions of the manifest, and followed', { timeout: 60_000 }, async () => {
    const { log, logs } = captureLogs();
    const generations = createQueue<readonly string[]>();
    const source = createKubernetesSource(scope, {
      cluster: 'east',
      access: { kind: 'file', file, context: undefined },
      clusterDomain: 'cluster.local',
      clock: realClock,
      log,
      quietMs: 20,
      maxMs: 200,
      onGeneration: () => {
        const shard = source.generation?.objects.get('shop');
        generations.push([...(shard?.Service ?? []), ...(shard?.Pod ?? [])].map(({ metadata }) => metadata.name));
      },
    });
    const until = async (matches: (names: readonly string[]) => boolean) => {
      let names = await generations.next();
      while (!matches(names)) names = await generations.next();
      return names;
    };
    await source.whole;

    await create(service('web', { spec: { clusterIP: '10.96.7.7' } }));
    await create(pod('web-1', { spec: { containers: [{ name: 'app', image: 'none' }] } }));
    const both = await until((names) => names.length === 2);
    await api.send('DELETE', `${PATHS.Service}/web`);
    const one = await until((names) => names.length === 1);

    expect([both, one]).toEqual([['web', 'web-1'], ['web-1']]);
    // Its definitions are not installed in a bare server.
    expect(source.status()).toMatchObject({
      state: 'live',
      kubernetes: { kinds: { Pod: 'watching', Gateway: 'absent' } },
    });
    expect(logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
