/** Against a real kube-apiserver, where `KUBE_APISERVER` and `ETCD` name the binaries: the source and its remote clusters. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Access,
  createApi,
  createKubernetesSource,
  createRemoteClusters,
  objectsOf,
  type SourceStatus,
} from '../../src/sources/index.js';
import { readEvent } from '../../src/sources/kubernetes/events.js';
import { readLines } from '../../src/sources/kubernetes/lines.js';
import { impatientClock } from '../support/api-server.js';
import { readDefinitions } from '../support/definitions.js';
import { type KubeApiserver, missingBinaries, startKubeApiserver } from '../support/kube-apiserver.js';
import { captureLogs } from '../support/logs.js';
import { authorizationPolicy, type Manifest, namespace, pod, service } from '../support/objects.js';
import { readPermissions } from '../support/permissions.js';

if (missingBinaries) console.log(`kube-apiserver.test.ts is skipped: ${missingBinaries}`);

const ACCOUNT = 'istio-system/isthmus-control-plane';
const ROLE = readPermissions().find(({ kind }) => kind === 'ClusterRole')!;
const serviceOf = (name: string, ip: string) => service(name, { spec: { clusterIP: ip } });
const podOf = (name: string) => pod(name, { spec: { containers: [{ name: 'app', image: 'none' }] } });

/** In one step, as editors do: half a file is no kubeconfig. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.partial`, text);
  await rename(`${file}.partial`, file);
}

describe.skipIf(missingBinaries !== undefined)('a real kube-apiserver', () => {
  let api: KubeApiserver;
  let directory: string;
  let scope: Scope;
  let token: string;
  beforeAll(async () => {
    api = await startKubeApiserver();
    directory = await mkdtemp(join(tmpdir(), 'isthmus-kube-'));
    for (const object of [namespace('istio-system'), namespace('shop'), ...readPermissions()]) await api.apply(object);
    token = await api.token(ACCOUNT);
  }, 120_000);
  afterAll(async () => {
    await api?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);
  beforeEach(() => {
    scope = createScope();
  });
  afterEach(() => scope.close());

  const file = () => join(directory, 'kubeconfig');
  const access = (): Access => ({ kind: 'file', file: file(), context: undefined });

  async function watchCluster(kubeconfig = api.kubeconfig(token)) {
    await replaceFile(file(), kubeconfig);
    const { log, logs, logged } = captureLogs();
    const source = createKubernetesSource(scope, {
      cluster: 'east',
      access: access(),
      clusterDomain: 'cluster.local',
      clock: impatientClock,
      // The longest pause is then below what that clock takes for a deadline.
      random: () => 0,
      log,
      quietMs: 20,
      maxMs: 200,
      onGeneration: () => {},
    });
    const names = () =>
      ['Service', 'Pod', 'AuthorizationPolicy'].flatMap((kind) =>
        objectsOf(source.generation?.objects ?? new Map(), kind as 'Service')
          .filter(({ metadata }) => metadata.namespace === 'shop')
          .map(({ metadata }) => metadata.name),
      );
    const errors = () => logs.filter(({ level }) => level === 'error').map(({ message }) => message);
    const kinds = () => (source.status() as SourceStatus).kubernetes?.kinds;
    return { source, logs, logged, names, errors, kinds };
  }

  it('is read with the permissions of the manifest, and followed', { timeout: 60_000 }, async () => {
    const { source, names, errors, kinds } = await watchCluster();
    await source.whole;

    await api.apply(serviceOf('web', '10.96.7.7'));
    await api.apply(podOf('web-1'));
    await expect.poll(names).toEqual(['web', 'web-1']);
    await api.remove(serviceOf('web', '10.96.7.7'));
    await expect.poll(names).toEqual(['web-1']);
    await api.remove(podOf('web-1'));
    await expect.poll(names).toEqual([]);

    // Its definitions are not installed in a bare server.
    await expect.poll(kinds).toMatchObject({ Pod: 'watching', Gateway: 'absent' });
    expect(source.status().state).toBe('live');
    expect(errors()).toEqual([]);
  });

  it('sends bookmarks, which are read', { timeout: 60_000 }, async () => {
    await replaceFile(file(), api.kubeconfig(token));
    const client = createApi(access(), impatientClock);
    const request = { what: 'watch pods', rule: '', signal: scope.signal };
    const list = (await client.ask({ ...request, path: '/api/v1/pods' })) as { metadata: { resourceVersion: string } };
    const from = list.metadata.resourceVersion;

    // One comes two seconds before a watch ends, when there was an event.
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion=${from}`;
    const response = await client.open({ ...request, path: `/api/v1/pods?${query}` });
    await api.apply(podOf('web-2'));
    const events = [];
    for await (const line of readLines(response)) events.push(readEvent(line, 'watch pods'));

    expect(events[0]).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'web-2' } } });
    expect(events.at(-1)).toEqual({ type: 'BOOKMARK', resourceVersion: expect.stringMatching(/^\d+$/) });
    await api.remove(podOf('web-2'));
  });

  it('may get definitions later: their objects are there then', { timeout: 120_000 }, async () => {
    const { source, names, kinds, errors } = await watchCluster();
    await source.whole;
    await expect.poll(kinds).toMatchObject({ AuthorizationPolicy: 'absent', ServiceEntry: 'absent' });

    for (const definition of readDefinitions()) await api.apply(definition);
    const all = { AuthorizationPolicy: 'watching', PeerAuthentication: 'watching', Gateway: 'watching' };
    await expect.poll(kinds).toMatchObject({ ...all, ServiceEntry: 'watching', WorkloadEntry: 'watching' });
    const policy = authorizationPolicy('only-web', { action: 'ALLOW' });
    await api.apply(policy);
    await expect.poll(names).toEqual(['only-web']);
    await api.remove(policy);
    await expect.poll(names).toEqual([]);

    expect(errors()).toEqual([]);
  });

  it('names the kind and the rule when one permission lacks, and is read when it is given', {
    timeout: 60_000,
  }, async () => {
    const rules = (ROLE.rules as readonly { resources: readonly string[] }[]).map((rule) => ({
      ...rule,
      resources: rule.resources.filter((resource) => resource !== 'pods'),
    }));
    await api.apply({ ...ROLE, rules });
    const { source, logged, errors } = await watchCluster();

    await logged(({ level }) => level === 'error');
    const before = source.status();
    await api.apply(ROLE);
    await source.whole;

    expect(errors()).toEqual([
      expect.stringMatching(
        /does not let us list pods \(403: pods is forbidden: User "system:serviceaccount:istio-system:isthmus-control-plane" cannot list resource "pods".*\); give the account of the kubeconfig .* the rule \{apiGroups: \[""\], resources: \[pods\], verbs: \[list, watch\]\} in a ClusterRole; nothing is known/,
      ),
    ]);
    expect(before.state).toBe('reading');
    await expect.poll(() => source.status().state).toBe('live');
  });

  it('says when the token has expired, and is read with the next one', { timeout: 60_000 }, async () => {
    const { source, logged, errors } = await watchCluster(api.kubeconfig(await api.expiredToken(ACCOUNT)));

    await logged(({ level }) => level === 'error');
    await replaceFile(file(), api.kubeconfig(token));
    await source.whole;

    expect(errors()).toEqual([
      expect.stringMatching(/refuses the credentials \(the token expired at 20.*\); renew them in the kubeconfig/),
    ]);
  });

  it('may be restarted with its history gone: nothing blinks, and nothing is missed', {
    timeout: 180_000,
  }, async () => {
    await api.apply(serviceOf('stays', '10.96.1.1'));
    await api.apply(serviceOf('goes', '10.96.1.2'));
    const { source, names, errors, kinds } = await watchCluster();
    await source.whole;
    await expect.poll(names).toEqual(['goes', 'stays']);
    const old = (await api.send('GET', '/api/v1/services')) as { metadata: { resourceVersion: string } };
    const seen = new Set<string>();
    let whileAway: SourceStatus['state'] | undefined;

    await api.restart(async (other) => {
      await other.remove(serviceOf('goes', '10.96.1.2'));
      await other.apply(serviceOf('comes', '10.96.1.3'));
      await expect.poll(() => source.status().state).toBe('stale');
      whileAway = source.status().state;
      for (const name of names()) seen.add(name);
    });
    await expect.poll(names).toEqual(['comes', 'stays']);
    await expect.poll(kinds).toMatchObject({ Service: 'watching', Pod: 'watching' });

    const client = createApi(access(), impatientClock);
    const path = `/api/v1/services?watch=1&resourceVersion=${old.metadata.resourceVersion}`;
    const asked = client
      .open({ path, what: 'watch services', rule: '', signal: scope.signal })
      .then(async (response) => {
        for await (const line of readLines(response)) readEvent(line, 'watch services');
      });
    await expect(asked).rejects.toMatchObject({ reason: 'gone' });
    expect([...seen]).toEqual(['goes', 'stays']);
    expect(whileAway).toBe('stale');
    const [first, ...more] = errors();
    expect(first).toMatch(/cannot be reached .* what was read before stays in force/);
    // A server that starts may be busy with that.
    for (const message of more) expect(message).toMatch(/429: storage is \(re\)initializing/);
    expect(more.length).toBeLessThan(2);
    await api.remove(serviceOf('comes', ''));
    await api.remove(serviceOf('stays', ''));
  });

  describe('with Secrets that name remote clusters', () => {
    const secret = (kubeconfig: string): Manifest => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'west', namespace: 'istio-system', labels: { 'istio/multiCluster': 'true' } },
      data: { west: Buffer.from(kubeconfig).toString('base64') },
    });

    it('has them join, renew and leave', { timeout: 60_000 }, async () => {
      await api.apply(serviceOf('afar', '10.96.2.1'));
      await replaceFile(file(), api.kubeconfig(token));
      const { log, logs, logged } = captureLogs();
      const remotes = createRemoteClusters(scope, {
        cluster: 'east',
        access: access(),
        namespace: 'istio-system',
        taken: new Map(),
        clusterDomain: 'cluster.local',
        clock: impatientClock,
        log,
        quietMs: 20,
        maxMs: 200,
        onGeneration: () => {},
      });
      const services = () =>
        [...remotes.sources].map(([id, { generation }]) => {
          const found = objectsOf(generation?.objects ?? new Map(), 'Service');
          return `${id}: ${found.filter(({ metadata }) => metadata.name === 'afar').map(({ metadata }) => metadata.name)}`;
        });
      await remotes.firstRead;

      await api.apply(secret(api.kubeconfig(token)));
      await expect.poll(services).toEqual(['west: afar']);
      await api.apply(secret(api.kubeconfig('no such token')));
      await logged(({ level, message }) => level === 'error' && message.includes('refuses the credentials'));
      const whileWrong = services();
      await api.apply(secret(api.kubeconfig(await api.token(ACCOUNT))));
      await logged(({ message }) => message === 'remote cluster is read with its new credentials');
      await api.remove(secret(''));
      await expect.poll(services).toEqual([]);

      expect(whileWrong).toEqual(['west: afar']);
      expect(logs.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
        expect.stringMatching(
          /refuses the credentials \(it says 401: .*\); renew them in the Secret istio-system\/west/,
        ),
      ]);
      await api.remove(serviceOf('afar', ''));
    });
  });
});
