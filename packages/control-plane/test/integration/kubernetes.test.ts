import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubernetesSource, objectsOf } from '../../src/sources/index.js';
import { type ApiServer, impatientClock, kubeconfigOf, startApiServer, statusAnswer } from '../support/api-server.js';
import { captureLogs } from '../support/logs.js';
import { type Manifest, namespace, node, pod, service } from '../support/objects.js';
import { createQueue } from '../support/queue.js';

let directory: string;
let scope: Scope;
let api: ApiServer;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-kubernetes-'));
  scope = createScope();
});
afterEach(async () => {
  await scope.close();
  await api.stop();
  await rm(directory, { recursive: true, force: true });
});

const policy = (name: string, action = 'ALLOW'): Manifest => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name, namespace: 'shop' },
  spec: { action },
});

async function watchCluster(init: { readonly kubeconfig?: string; readonly firstSyncMs?: number } = {}) {
  const file = join(directory, 'kubeconfig');
  await writeFile(file, init.kubeconfig ?? api.kubeconfig());
  const { log, logs, logged } = captureLogs();
  const generations = createQueue<readonly string[]>();
  const names = () =>
    [...(source.generation?.objects.values() ?? [])]
      .flatMap((shard) => Object.values(shard).flat())
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      .sort();
  const source = createKubernetesSource(scope, {
    cluster: 'east',
    access: { kind: 'file', file, context: undefined },
    clusterDomain: 'cluster.local',
    clock: impatientClock,
    log,
    quietMs: 5,
    maxMs: 50,
    random: () => 0.5,
    ...(init.firstSyncMs === undefined ? {} : { firstSyncMs: init.firstSyncMs }),
    onGeneration: () => generations.push(names()),
  });
  const errors = () => logs.filter(({ level }) => level === 'error').map(({ message }) => message);
  const watching = (state: string) => logged(({ message }) => message.includes(state));
  return { source, logs, logged, errors, names, file, watching, next: () => generations.next() };
}

/** Resolves when a new watch of a resource was asked for. */
async function watchedAgain(plural: string, act: () => void): Promise<URLSearchParams> {
  const before = api.requests.length;
  act();
  const { query } = await api.requested(
    (request) => request.isWatch && request.plural === plural && api.requests.indexOf(request) >= before,
  );
  return query;
}

describe('the Kubernetes API as a source', () => {
  it('is one generation when all kinds are read, and another after each burst of events', async () => {
    api = await startApiServer([namespace('shop'), node('node-1'), service('web'), pod('web-1')]);
    const { source, next } = await watchCluster();
    const first = await next();
    await api.requested(({ plural, isWatch }) => plural === 'pods' && isWatch);

    api.put(pod('web-2', { ip: '10.1.0.2' }));
    api.delete(pod('web-1'));
    const second = await next();

    expect(first).toEqual(['Namespace shop', 'Node node-1', 'Pod web-1', 'Service web']);
    expect(second).toEqual(['Namespace shop', 'Node node-1', 'Pod web-2', 'Service web']);
    expect(source.status()).toMatchObject({
      state: 'live',
      generation: 2,
      kubernetes: { server: api.url, kinds: { Pod: 'watching' } },
      problems: [],
    });
  });

  it('reads long lists page by page', async () => {
    const pods = Array.from({ length: 1_200 }, (_, index) =>
      pod(`pod-${index}`, { ip: `10.1.${index >> 8}.${index & 255}` }),
    );
    api = await startApiServer(pods);

    const { next } = await watchCluster();

    expect(await next()).toHaveLength(1_200);
    expect(api.requests.filter(({ plural, isWatch }) => plural === 'pods' && !isWatch)).toHaveLength(3);
  });

  it('lists all at once when the pages that are left are gone', async () => {
    const pods = Array.from({ length: 600 }, (_, index) =>
      pod(`pod-${index}`, { ip: `10.1.${index >> 8}.${index & 255}` }),
    );
    api = await startApiServer(pods);
    api.intercept = ({ query }) =>
      query.has('continue') ? statusAnswer(410, 'continue parameter too old') : undefined;

    const { next, errors } = await watchCluster();

    expect(await next()).toHaveLength(600);
    expect(errors()).toEqual([]);
  });

  it('keeps every object, list and namespace that an event does not touch', async () => {
    api = await startApiServer([namespace('shop'), service('web'), pod('web-1'), pod('db-1', { namespace: 'data' })]);
    const { source, next } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'pods' && isWatch);
    const before = source.generation!.objects;

    api.put(pod('web-2', { ip: '10.1.0.2' }));
    await next();
    const after = source.generation!.objects;

    expect(after.get('data')).toBe(before.get('data'));
    expect(after.get('shop')).not.toBe(before.get('shop'));
    expect(after.get('shop')?.Service).toBe(before.get('shop')?.Service);
    expect(after.get('shop')?.Pod[0]).toBe(before.get('shop')?.Pod[0]);
  });

  it('makes no generation of a heartbeat', async () => {
    api = await startApiServer([namespace('shop'), node('node-1')]);
    const { source, next } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'nodes' && isWatch);

    api.put({ ...node('node-1'), status: { conditions: [{ type: 'Ready', lastHeartbeatTime: 'now' }] } });
    api.put(node('node-2'));
    await next();

    expect(source.status().generation).toBe(2);
  });

  it('goes on from the last event or bookmark when a watch is cut off in the middle of a line', async () => {
    api = await startApiServer([namespace('shop'), pod('web-1')]);
    const { next, errors } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'pods' && isWatch);
    api.bookmark('pods');
    const half = JSON.stringify({ type: 'ADDED', object: pod('web-2', { ip: '10.1.0.2' }) }).slice(0, 90);

    const query = await watchedAgain('pods', () => api.sendAndCut('pods', half));
    api.put(pod('web-2', { ip: '10.1.0.2' }));

    expect(await next()).toContain('Pod web-2');
    expect(query.get('resourceVersion')).toBe('103');
    expect(errors()).toEqual([]);
  });

  it.each(['status', 'event'] as const)('lists anew after 410 Gone as %s, and nothing blinks', async (how) => {
    api = await startApiServer([namespace('shop'), pod('web-1'), pod('web-2', { ip: '10.1.0.2' })]);
    const { source, next, errors } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'pods' && isWatch);
    const kept = source.generation!.objects.get('shop')!.Pod[0];

    // What happens meanwhile is in no history any more.
    await watchedAgain('pods', () => {
      api.sendAndCut('pods', '');
      api.delete(pod('web-2'));
      api.put(pod('web-3', { ip: '10.1.0.3' }));
      api.compact(how);
    });
    const seen = [await next()];
    while (!seen.at(-1)!.includes('Pod web-3')) seen.push(await next());

    expect(seen.every((names) => names.includes('Pod web-1'))).toBe(true);
    expect(seen.at(-1)).toEqual(['Namespace shop', 'Pod web-1', 'Pod web-3']);
    expect(source.generation!.objects.get('shop')!.Pod[0]).toBe(kept);
    expect(errors()).toEqual([]);
  });

  it('does without kinds that are not installed, and finds them when they are', async () => {
    api = await startApiServer([namespace('shop')]);
    api.absent.add('authorizationpolicies');
    const { source, next, logs } = await watchCluster();
    const first = await next();
    const kinds = source.status().kubernetes?.kinds;

    api.absent.clear();
    api.put(policy('p'));

    expect([first, kinds?.AuthorizationPolicy]).toEqual([['Namespace shop'], 'absent']);
    expect(await next()).toEqual(['AuthorizationPolicy p', 'Namespace shop']);
    expect(logs.filter(({ resource }) => resource === 'authorizationpolicies.security.istio.io')).toHaveLength(1);
    expect(source.status().problems).toEqual([]);
  });

  it('does not drop policies on one 404: the server may only be starting', async () => {
    api = await startApiServer([namespace('shop'), policy('p')]);
    const { source, next } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'authorizationpolicies' && isWatch);
    api.absent.add('authorizationpolicies');
    let lists = 0;
    api.intercept = ({ plural }) => {
      if (plural !== 'authorizationpolicies') return undefined;
      lists += 1;
      if (lists > 2) api.absent.clear();
      return undefined;
    };

    api.sendAndCut('authorizationpolicies', '');
    api.put(policy('q'));

    expect(await next()).toEqual(['AuthorizationPolicy p', 'AuthorizationPolicy q', 'Namespace shop']);
    expect(source.status().generation).toBe(2);
  });

  it('tells a malformed object once, keeps its last good version and goes on with the others', async () => {
    api = await startApiServer([namespace('shop'), service('web'), service('new', { spec: { clusterIP: 'nowhere' } })]);
    const { source, next, errors } = await watchCluster();
    const first = await next();
    await api.requested(({ plural, isWatch }) => plural === 'services' && isWatch);

    api.put(service('web', { spec: { clusterIP: '10.0.0.1000' } }));
    api.put(service('web', { spec: { clusterIP: '10.0.0.1000' }, labels: { again: 'yes' } }));
    api.put(service('api'));
    const second = await next();
    const problems = source.status().problems.map(({ file }) => file);
    api.put(service('new'));
    api.put(service('web', { spec: { clusterIP: '10.0.0.9' } }));
    const third = await next();

    expect([first, second, third]).toEqual([
      ['Namespace shop', 'Service web'],
      ['Namespace shop', 'Service api', 'Service web'],
      ['Namespace shop', 'Service api', 'Service new', 'Service web'],
    ]);
    expect(problems).toEqual(['east/shop/Service/new', 'east/shop/Service/web']);
    expect(errors()).toEqual([
      expect.stringMatching(
        /^east\/shop\/Service\/new spec\.clusterIP: expected an IP address.*; it is left out until it is corrected$/,
      ),
      expect.stringMatching(
        /^east\/shop\/Service\/web spec\.clusterIP: expected an IP address.*; its last good version stays in force$/,
      ),
    ]);
    expect(source.status().problems).toEqual([]);
    expect(
      objectsOf(source.generation!.objects, 'Service').find(({ metadata }) => metadata.name === 'web')?.spec,
    ).toMatchObject({
      clusterIP: '10.0.0.9',
    });
  });

  it.each([
    ['a line that is no JSON', 'no json at all\n'],
    ['an event of a type unheard of', { type: 'MOVED', object: {} }],
    ['an error other than 410', { type: 'ERROR', object: { code: 500, message: 'etcd is away' } }],
  ])('lists anew after %s, with one message', async (_what, event) => {
    api = await startApiServer([namespace('shop')]);
    const { source, next, errors, watching } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'services' && isWatch);

    api.sendEvent('services', event);
    await watching('what could not be read is read again');
    api.put(service('web'));

    expect(await next()).toEqual(['Namespace shop', 'Service web']);
    expect(errors()).toEqual([expect.stringMatching(/watch services.*; what was read before stays in force$/)]);
    expect(source.status().state).toBe('live');
  });

  it('survives objects without name or version', async () => {
    api = await startApiServer([namespace('shop')]);
    const { next, errors } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'services' && isWatch);

    api.sendEvent('services', { type: 'ADDED', object: { metadata: {} } });
    api.sendEvent('services', { type: 'ADDED' });
    api.put(service('web'));

    expect(await next()).toEqual(['Namespace shop', 'Service web']);
    expect(errors()).toEqual([
      expect.stringContaining('east/Service/(without name) metadata.name: is missing'),
      expect.stringContaining('east/Service/(without name) spec: is missing'),
      expect.stringContaining('east/Service/(without name) metadata: is missing'),
    ]);
  });

  it('lets the older of two ServiceEntries speak for a host, and tells the author of the other', async () => {
    const entry = (name: string, creationTimestamp: string): Manifest => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name, namespace: 'shop', creationTimestamp },
      spec: { hosts: ['db.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
    });
    const [younger, older] = [entry('a', '2026-02-01T00:00:00Z'), entry('b', '2026-01-01T00:00:00Z')];
    api = await startApiServer([younger, older]);
    const { next, errors } = await watchCluster();
    const first = await next();
    await api.requested(({ plural, isWatch }) => plural === 'serviceentries' && isWatch);

    api.delete(older);

    expect([first, await next()]).toEqual([['ServiceEntry b'], ['ServiceEntry a']]);
    expect(errors()).toEqual([
      'east/shop/ServiceEntry/a spec.hosts[0]: host db.example in namespace shop is defined already at east/shop/ServiceEntry/b; remove one of them; it is left out until it is corrected',
    ]);
  });
});

describe('an API that does not answer as it should', () => {
  it('is waited for until a deadline, and taken when it comes after all', async () => {
    api = await startApiServer([namespace('shop')]);
    let release = () => {};
    api.hold = new Promise((resolve) => {
      release = resolve;
    });
    const { source, next } = await watchCluster({ firstSyncMs: 2_000 });

    await source.firstRead;
    const state = source.status().state;
    release();

    expect(state).toBe('empty');
    expect(await next()).toEqual(['Namespace shop']);
    expect(source.status().state).toBe('live');
  });

  it('says once that the credentials are refused, keeps what it had, and takes new ones from the file at once', async () => {
    api = await startApiServer([namespace('shop'), pod('web-1')]);
    const { source, next, names, errors, logged, file, watching } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'pods' && isWatch);

    api.token = 'another';
    await api.stop();
    await api.start();
    await logged(({ reason }) => reason === 'unauthorized');
    const [kept, state, problems] = [names(), source.status().state, source.status().problems];
    await writeFile(file, api.kubeconfig());
    await watching('what could not be read is read again');
    api.put(pod('web-2', { ip: '10.1.0.2' }));

    expect([kept, state]).toEqual([['Namespace shop', 'Pod web-1'], 'stale']);
    expect(await next()).toContain('Pod web-2');
    expect(problems).toEqual([expect.objectContaining({ severity: 'error', file: 'east' })]);
    expect(errors().filter((message) => message.includes('refuses the credentials'))).toEqual([
      `${api.url} refuses the credentials (it says 401: Unauthorized); renew them in the kubeconfig ${file}; what was read before stays in force`,
    ]);
  });

  it('says that a token has expired, and when', async () => {
    api = await startApiServer([]);
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'none' })}.${part({ exp: 1_700_000_000 })}.${part('x')}`;

    const { logged, errors } = await watchCluster({ kubeconfig: api.kubeconfig(token) });
    await logged(({ reason }) => reason === 'unauthorized');

    expect(errors()).toEqual([
      expect.stringContaining('refuses the credentials (the token expired at 2023-11-14T22:13:20.000Z); renew them in'),
    ]);
  });

  it('says once that it is dead, keeps what it had, and comes back without losing what happened meanwhile', async () => {
    api = await startApiServer([namespace('shop'), pod('web-1')]);
    const { source, next, names, errors, logged } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'peerauthentications' && isWatch);

    await api.stop();
    await logged(({ reason }) => reason === 'unreachable');
    const [kept, state] = [names(), source.status().state];
    api.put(pod('web-2', { ip: '10.1.0.2' }));
    await api.start();

    expect([kept, state]).toEqual([['Namespace shop', 'Pod web-1'], 'stale']);
    expect(await next()).toEqual(['Namespace shop', 'Pod web-1', 'Pod web-2']);
    expect(errors()).toEqual([
      expect.stringMatching(
        /^https:.* cannot be reached \(.*ECONN.*\); check the address in the kubeconfig .* and the network; what was read before stays in force$/,
      ),
    ]);
  });

  it('is doubted when it forbids what it let us read: one that starts knows its roles late', async () => {
    api = await startApiServer([namespace('shop'), pod('web-1')]);
    const { next, errors, logged } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'pods' && isWatch);

    let answers = 2;
    api.intercept = ({ plural }) => {
      if (plural !== 'pods' || answers === 0) return undefined;
      answers -= 1;
      return statusAnswer(403, 'no roles are known');
    };
    api.sendAndCut('pods', '\n');
    await expect.poll(() => answers).toBe(0);
    api.put(pod('web-2', { ip: '10.1.0.2' }));
    const names = await next();
    const early = errors();
    answers = 3;
    api.sendAndCut('pods', '\n');
    await logged(({ reason }) => reason === 'forbidden');

    expect(names).toEqual(['Namespace shop', 'Pod web-1', 'Pod web-2']);
    expect(early).toEqual([]);
    expect(errors()).toHaveLength(1);
  });

  it('is told which permission lacks, and is not taken for whole without it', async () => {
    api = await startApiServer([namespace('shop')]);
    api.intercept = ({ plural }) =>
      plural === 'authorizationpolicies' ? statusAnswer(403, 'user "u" cannot list it') : undefined;
    const { source, next, errors, logged } = await watchCluster({ firstSyncMs: 2_000 });
    await logged(({ reason }) => reason === 'forbidden');
    await source.firstRead;
    const generation = source.generation;

    api.intercept = undefined;

    expect(generation).toBeUndefined();
    expect(await next()).toEqual(['Namespace shop']);
    expect(errors()).toEqual([
      expect.stringMatching(
        /does not let us list authorizationpolicies \(403: user "u" cannot list it\); give the account of .* the rule \{apiGroups: \["security.istio.io"\], resources: \[authorizationpolicies\], verbs: \[list, watch\]\} in a ClusterRole; nothing is known of this cluster until it can be read$/,
      ),
    ]);
  });

  it('is not believed without the certificate of the kubeconfig', async () => {
    api = await startApiServer([]);
    const other = await startApiServer([]);
    const kubeconfig = JSON.parse(other.kubeconfig()) as { clusters: [{ cluster: { server: string } }] };
    kubeconfig.clusters[0].cluster.server = api.url;

    const { errors, logged } = await watchCluster({ kubeconfig: JSON.stringify(kubeconfig) });
    await logged(({ reason }) => reason === 'untrusted');
    await other.stop();

    expect(errors()).toEqual([expect.stringMatching(/is not trusted \(.*\); correct the CA in the kubeconfig/)]);
    expect(api.requests).toEqual([]);
  });

  it.each([429, 503])('goes on where it was after %i, without listing all again', async (status) => {
    api = await startApiServer([namespace('shop')]);
    const { next, watching } = await watchCluster();
    await next();
    await api.requested(({ plural, isWatch }) => plural === 'services' && isWatch);
    let refusals = 0;
    api.intercept = ({ plural }) => {
      if (plural !== 'services' || refusals === 2) return undefined;
      refusals += 1;
      return statusAnswer(status, 'not now');
    };
    const before = api.requests.length;

    api.sendAndCut('services', '');
    api.put(service('web'));
    await watching('what could not be read is read again');

    expect(await next()).toEqual(['Namespace shop', 'Service web']);
    expect(api.requests.slice(before).filter(({ plural, isWatch }) => plural === 'services' && !isWatch)).toEqual([]);
  });

  it('is reached with the token of a file beside the kubeconfig', async () => {
    api = await startApiServer([namespace('shop')]);
    const kubeconfig = JSON.parse(api.kubeconfig()) as { users: { name: string; user: object }[] };
    kubeconfig.users = [{ name: 'u', user: { tokenFile: 'token' } }];
    await writeFile(join(directory, 'token'), `${api.token}\n`);

    const { next } = await watchCluster({ kubeconfig: JSON.stringify(kubeconfig) });

    expect(await next()).toEqual(['Namespace shop']);
  });

  it.each([
    ['no YAML', 'users: [', 'it is not valid YAML (BAD_INDENT at offset'],
    ['no kubeconfig', '[]', 'it is no kubeconfig'],
    ['no context', '{}', 'its context (none is current) leads to no cluster; it has none'],
    ['plain HTTP', kubeconfigOf('http://127.0.0.1:1', '', 't'), 'HTTP protocol is not allowed'],
  ])('is not asked when the kubeconfig has %s', async (_what, kubeconfig, message) => {
    api = await startApiServer([]);

    const { errors, logged } = await watchCluster({ kubeconfig });
    await logged(({ reason }) => reason === 'credentials');

    expect(errors()).toEqual([expect.stringContaining(message)]);
  });

  it('is not asked sooner than it says', async () => {
    api = await startApiServer([namespace('shop')]);
    const asked: number[] = [];
    api.intercept = ({ plural, isWatch }) => {
      if (plural !== 'services' || isWatch) return undefined;
      asked.push(performance.now());
      return asked.length === 1 ? { ...statusAnswer(429, 'slow down'), headers: { 'retry-after': '10' } } : undefined;
    };
    const { next, errors } = await watchCluster();

    await next();

    // Ten seconds of the clock, which runs fifty times as fast.
    expect(asked[1]! - asked[0]!).toBeGreaterThanOrEqual(190);
    expect(errors()).toEqual([expect.stringContaining('does not list services (429: slow down)')]);
  });
});
