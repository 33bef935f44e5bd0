import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteClusters, objectsOf } from '../../src/sources/index.js';
import { type ApiServer, impatientClock, startApiServer } from '../support/api-server.js';
import { captureLogs } from '../support/logs.js';
import { type Manifest, namespace, pod, service } from '../support/objects.js';
import { openStream, proxyNode, startPlane, type TestPlane } from '../support/plane.js';
import { createQueue } from '../support/queue.js';
import { ADDRESS, request } from '../support/xds.js';

let scope: Scope;
let east: ApiServer;
let west: ApiServer;
let file: string;
beforeEach(async () => {
  scope = createScope();
  east = await startApiServer([namespace('istio-system', { 'topology.istio.io/network': 'network-1' })]);
  west = await startApiServer([
    namespace('istio-system', { 'topology.istio.io/network': 'network-2' }),
    service('web'),
  ]);
  file = join(tmpdir(), `isthmus-remotes-${process.pid}.yaml`);
  await writeFile(file, east.kubeconfig());
});
afterEach(async () => {
  await scope.close();
  await Promise.all([east.stop(), west.stop()]);
  await rm(file, { force: true });
});

function secret(
  name: string,
  kubeconfigs: Readonly<Record<string, string>>,
  creationTimestamp = '2026-01-01T00:00:00Z',
): Manifest {
  const data = Object.fromEntries(
    Object.entries(kubeconfigs).map(([id, text]) => [id, Buffer.from(text).toString('base64')]),
  );
  const metadata = { name, namespace: 'istio-system', creationTimestamp, labels: { 'istio/multiCluster': 'true' } };
  return { apiVersion: 'v1', kind: 'Secret', metadata, data };
}

function watchRemotes() {
  const { log, logs, logged } = captureLogs();
  const changes = createQueue<readonly string[]>();
  /** `west: web, db` */
  const names = () =>
    [...remotes.sources].map(([id, { generation }]) => {
      const services = generation && objectsOf(generation.objects, 'Service').map(({ metadata }) => metadata.name);
      return `${id}: ${services?.join(', ') ?? 'nothing'}`;
    });
  const remotes = createRemoteClusters(scope, {
    cluster: 'east',
    access: { kind: 'file', file, context: undefined },
    namespace: 'istio-system',
    taken: new Map([['east', 'sources[0] of the configuration']]),
    clusterDomain: 'cluster.local',
    clock: impatientClock,
    log,
    quietMs: 5,
    maxMs: 50,
    onGeneration: () => changes.push(names()),
  });
  const until = async (matches: (now: readonly string[]) => boolean) => {
    const seen = [await changes.next()];
    while (!matches(seen.at(-1)!)) seen.push(await changes.next());
    return seen;
  };
  const errors = () => logs.filter(({ level }) => level === 'error').map(({ message }) => message);
  const watchesSecrets = () => east.requested(({ plural, isWatch }) => plural === 'secrets' && isWatch);
  return { remotes, logs, logged, names, until, errors, watchesSecrets };
}

describe('remote clusters by Secrets', () => {
  it('are asked for by label, read, and gone exactly when their Secret is', async () => {
    east.put(secret('istio-remote-secret-west', { west: west.kubeconfig() }));
    const { remotes, until, names, logged, watchesSecrets } = watchRemotes();
    await remotes.firstRead;
    const read = names();
    const { query } = await watchesSecrets();

    east.delete(secret('istio-remote-secret-west', {}));
    await until((now) => now.length === 0);
    await logged(({ message }) => message.startsWith('remote cluster is removed'));

    expect(read).toEqual(['west: web']);
    expect(query.get('labelSelector')).toBe('istio/multiCluster=true');
    expect(remotes.problems()).toEqual([]);
  });

  it('come while others run, and hold nobody up when they cannot be reached', async () => {
    const { remotes, until, watchesSecrets, logged } = watchRemotes();
    await remotes.firstRead;
    await watchesSecrets();
    const away = west.kubeconfig().replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1');

    east.put(secret('two', { west: west.kubeconfig(), north: away }));
    const seen = await until((now) => now.includes('west: web'));
    await logged(({ reason, cluster }) => reason === 'unreachable' && cluster === 'north');

    expect(seen.at(-1)).toContain('north: nothing');
  });

  it('6.6-7 credentials rotated: go on without a blink when their credentials change, and keep the old ones while the new are wrong', async () => {
    east.put(secret('s', { west: west.kubeconfig() }));
    const { remotes, until, names, logged, logs, watchesSecrets } = watchRemotes();
    await remotes.firstRead;
    await watchesSecrets();
    const copy = await startApiServer([service('web'), service('db')]);

    east.put(secret('s', { west: copy.kubeconfig('wrong') }));
    const refused = await logged(({ reason }) => reason === 'unauthorized');
    const [held, status] = [names(), remotes.sources.get('west')!.status()];
    east.put(secret('s', { west: copy.kubeconfig() }));
    const seen = await until((now) => now.includes('west: db, web'));
    await copy.stop();

    expect(held).toEqual(['west: web']);
    expect(refused.message).toContain('renew them in the Secret istio-system/s; what was read before stays in force');
    expect(status).toMatchObject({
      state: 'live',
      kubernetes: { server: west.url, renewal: { server: expect.stringContaining('127.0.0.1') } },
      problems: [{ message: refused.message.split('; what was')[0] }],
    });
    expect(seen.slice(0, -1).every(([now]) => now === 'west: web')).toBe(true);
    expect(JSON.stringify(logs)).not.toContain('token-of-the-control-plane');
  });

  it('stay as they are when their Secret is replaced by another with the same key, or the Secrets cannot be seen', async () => {
    east.put(secret('old', { west: west.kubeconfig() }));
    const { remotes, names, logs, watchesSecrets, until } = watchRemotes();
    await remotes.firstRead;
    await watchesSecrets();
    const source = remotes.sources.get('west');

    east.delete(secret('old', {}));
    east.put(secret('new', { west: west.kubeconfig() }));
    west.put(service('db'));
    await until((now) => now.includes('west: db, web'));
    await east.stop();
    west.put(service('api'));
    await until((now) => now.includes('west: api, db, web'));

    expect(remotes.sources.get('west')).toBe(source);
    expect(names()).toEqual(['west: api, db, web']);
    expect(logs.filter(({ message }) => message.startsWith('remote cluster is'))).toHaveLength(1);
    await east.start();
  });

  it('are told apart from those that another Secret or the configuration has', async () => {
    east.put(secret('b-older', { west: west.kubeconfig() }, '2025-01-01T00:00:00Z'));
    east.put(secret('a-younger', { west: 'other', east: 'x', 'a b': 'x', empty: ' ' }));
    const { remotes, names, errors } = watchRemotes();

    await remotes.firstRead;

    expect(names()).toEqual(['west: web']);
    expect(errors()).toEqual([
      'Secret istio-system/a-younger data["west"]: cluster west is in the older Secret istio-system/b-older already; remove one of them',
      'Secret istio-system/a-younger data["east"]: cluster east is given by sources[0] of the configuration already; remove the key',
      'Secret istio-system/a-younger data["a b"]: is no id of a cluster: letters, digits, "-", "." and "_"',
      'Secret istio-system/a-younger data["empty"]: is empty; put the kubeconfig of the cluster there',
    ]);
    expect(remotes.problems()).toHaveLength(4);
  });

  it.each([
    ['exec', { user: { exec: { command: 'touch', args: ['/tmp/pwned'] } } }],
    ['auth-provider', { user: { 'auth-provider': { name: 'gcp', config: { 'cmd-path': 'touch' } } } }],
    ['tokenFile', { user: { tokenFile: '/etc/passwd' } }],
    ['token-file', { user: { 'token-file': '/etc/passwd' } }],
    ['client-key', { user: { 'client-key': '/etc/passwd' } }],
    ['client-certificate', { user: { 'client-certificate': '/etc/passwd' } }],
    ['certificate-authority', { cluster: { 'certificate-authority': '/etc/passwd' } }],
    ['insecure-skip-tls-verify', { cluster: { 'insecure-skip-tls-verify': true } }],
  ])('may not have %s in their kubeconfig', async (what, { user, cluster }: { user?: object; cluster?: object }) => {
    const config = JSON.parse(west.kubeconfig()) as {
      users: { name: string; user: object }[];
      clusters: { name: string; cluster: object }[];
    };
    if (user) config.users = [{ name: 'u', user }];
    if (cluster) config.clusters = [{ name: 'c', cluster: { ...config.clusters[0]!.cluster, ...cluster } }];
    east.put(secret('s', { west: JSON.stringify(config) }));

    const { logged, names } = watchRemotes();
    const { message } = await logged(({ reason }) => reason === 'credentials');

    expect(message).toBe(
      `the Secret istio-system/s cannot be used: it has "${what}", which is refused in Secrets; put token and certificates into it as data; nothing is known of this cluster until it can be read`,
    );
    expect(names()).toEqual(['west: nothing']);
    expect(west.requests).toEqual([]);
  });

  it('are done without when the Secrets may not be read, which is told', async () => {
    east.intercept = ({ plural }) =>
      plural === 'secrets' ? { status: 403, body: { message: 'no secrets for you' } } : undefined;
    const { remotes, errors } = watchRemotes();

    await remotes.firstRead;

    expect(errors()).toEqual([
      expect.stringMatching(
        /does not let us list secrets \(403: no secrets for you\).*; remote clusters stay as they are$/,
      ),
    ]);
  });
});

describe('a control plane over APIs', () => {
  let plane: TestPlane | undefined;
  afterEach(() => plane?.close());

  it('serves both clusters, shows them, and takes nothing from a proxy when both APIs die', async () => {
    const exported = service('web', { labels: { 'istio.io/global': 'true' }, spec: { clusterIP: '10.2.0.1' } });
    west.put(exported);
    east.put(service('local'));
    east.put(pod('local-1', { labels: { app: 'local' } }));
    east.put(secret('s', { west: west.kubeconfig() }));
    plane = await startPlane({
      clusters: { east: {} },
      sources: [`- {cluster: east, kubernetes: {kubeconfig: ${JSON.stringify(file)}}}`],
    });
    const stream = openStream(plane, { token: await plane.token({}) });
    stream.send(request(ADDRESS, { node: proxyNode() }));
    const first = await stream.accept();

    await Promise.all([east.stop(), west.stop()]);
    await plane.logged(({ reason, cluster }) => reason === 'unreachable' && cluster === 'east');
    await plane.logged(({ reason, cluster }) => reason === 'unreachable' && cluster === 'west');
    const status = plane.plane.status();
    await Promise.all([east.start(), west.start()]);
    east.put(service('more'));
    const second = await stream.accept();
    await stream.close();

    expect(first.names).toEqual(
      expect.arrayContaining(['shop/local.shop.svc.cluster.local', 'shop/web.shop.svc.cluster.local']),
    );
    expect(status.sources).toMatchObject([
      { cluster: 'east', isLocal: true, network: 'network-1', state: 'stale', kubernetes: { server: east.url } },
      {
        cluster: 'west',
        isLocal: false,
        network: 'network-2',
        state: 'stale',
        kubernetes: { server: west.url, credentials: 'the Secret istio-system/s' },
      },
    ]);
    expect(status.notReady).toBeUndefined();
    expect(second.names).toEqual(['shop/more.shop.svc.cluster.local']);
    expect(second.removed).toEqual([]);
  });

  it('is not ready while the API of its own cluster refuses it, and says why', async () => {
    east.token = 'another';
    plane = await startPlane({
      clusters: { east: {} },
      sources: [`- {cluster: east, kubernetes: {kubeconfig: ${JSON.stringify(file)}, remoteSecrets: false}}`],
      waitUntilReady: false,
    });
    await plane.logged(({ reason }) => reason === 'unauthorized');
    const before = plane.plane.status();

    await writeFile(file, east.kubeconfig());
    await plane.plane.ready;

    expect(before.sources[0]?.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('refuses the credentials'),
    ]);
    expect(before.notReady).toBe('the sources are still being read');
    expect(plane.plane.status().notReady).toBeUndefined();
  });
});
