import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWriter } from '../../src/writer/index.js';
import { type ApiServer, hurriedClock, patientClock, startApiServer, statusAnswer } from '../support/api-server.js';
import { captureLogs } from '../support/logs.js';
import { type Manifest, namespace } from '../support/objects.js';

const NAME = 'istio-ca-root-cert';

let scope: Scope;
let api: ApiServer;
let file: string;
let roots = '';
beforeEach(async () => {
  scope = createScope();
  roots = 'root 1';
  api = await startApiServer([
    namespace('istio-system'),
    namespace('shop'),
    namespace('kube-system'),
    { ...namespace('old'), status: { phase: 'Terminating' } },
  ]);
  file = join(tmpdir(), `isthmus-writer-${process.pid}.yaml`);
  await writeFile(file, api.kubeconfig());
});
afterEach(async () => {
  await scope.close();
  await api.stop();
  await rm(file, { force: true });
});

function startReplica(clock = patientClock) {
  const own = scope.child();
  const { log, logs, logged } = captureLogs();
  const writer = createWriter(own, {
    access: { kind: 'file', file, context: undefined },
    cluster: 'east',
    namespace: 'istio-system',
    roots: () => roots,
    clock,
    log,
    quietMs: 5,
    maxMs: 50,
  });
  return { ...writer, logs, logged, close: () => own.close() };
}

const rootsIn = (name: string) =>
  (api.object('ConfigMap', name, NAME)?.data as Manifest | undefined)?.['root-cert.pem'];
const leaseSpec = () => api.object('Lease', 'istio-system', 'isthmus-control-plane')?.spec as Manifest | undefined;
const holder = () => leaseSpec()?.holderIdentity;
const writes = () => api.requests.filter(({ method, plural }) => method === 'PATCH' && plural === 'configmaps');

describe('the ConfigMap with the roots', () => {
  it('is in every namespace where proxies run, in new ones too, and put right when somebody changes or deletes it', async () => {
    startReplica();
    await expect.poll(() => [rootsIn('istio-system'), rootsIn('shop')]).toEqual(['root 1', 'root 1']);

    api.put({ ...api.object('ConfigMap', 'shop', NAME)!, data: { 'root-cert.pem': 'of somebody else' } });
    api.delete(api.object('ConfigMap', 'istio-system', NAME)!);
    api.put(namespace('books'));

    await expect.poll(() => ['istio-system', 'shop', 'books'].map(rootsIn)).toEqual(['root 1', 'root 1', 'root 1']);
    expect([rootsIn('kube-system'), rootsIn('old')]).toEqual([undefined, undefined]);
    expect(api.object('ConfigMap', 'shop', NAME)?.metadata).toMatchObject({ labels: { 'istio.io/config': 'true' } });
  });

  it('follows the roots, and is not written while nothing differs', async () => {
    const { touch } = startReplica();
    await expect.poll(() => [rootsIn('istio-system'), rootsIn('shop')]).toEqual(['root 1', 'root 1']);

    roots = 'root 1 and 2';
    touch();
    await expect.poll(() => [rootsIn('istio-system'), rootsIn('shop')]).toEqual(['root 1 and 2', 'root 1 and 2']);
    // The watch has told of those when it has told of one that is made after them.
    api.put(namespace('books'));
    await expect.poll(() => rootsIn('books')).toBe('root 1 and 2');
    const before = writes().length;
    touch();
    api.put(namespace('shop', { changed: 'label' }));
    api.put(namespace('music'));
    await expect.poll(() => rootsIn('music')).toBe('root 1 and 2');

    const later = writes().slice(before);
    expect(later.filter(({ namespace }) => namespace === 'istio-system' || namespace === 'shop')).toEqual([]);
  });

  it('is tried again when it cannot be written, which is told once with the rule that lacks', async () => {
    api.intercept = ({ method, plural }) =>
      method === 'PATCH' && plural === 'configmaps' ? statusAnswer(403, 'configmaps is forbidden') : undefined;
    const { logs, logged } = startReplica();
    await expect.poll(() => writes().length).toBeGreaterThan(4);
    api.intercept = undefined;

    await logged(({ message }) => message.endsWith('are written'));

    const errors = logs.filter(({ level }) => level === 'error').map(({ message }) => message);
    // A busy machine may take it a Lease away meanwhile; the next term tells again.
    const terms = logs.filter(({ message }) => message === 'this replica writes from now on');
    expect(errors.length).toBeLessThanOrEqual(terms.length);
    expect(errors[0]).toContain('the rule {apiGroups: [""], resources: [configmaps], verbs: [create, patch]}');
    expect([rootsIn('istio-system'), rootsIn('shop')]).toEqual(['root 1', 'root 1']);
  });
});

describe('the Lease', () => {
  it('lets one replica write, and the next at once when that one closes', async () => {
    const first = startReplica();
    await expect.poll(() => first.leadership.isLeading).toBe(true);
    const second = startReplica();
    await expect.poll(() => second.leadership.leader).toBe(holder());
    const whileFirst = second.leadership.isLeading;

    await first.close();
    await expect.poll(() => second.leadership.isLeading).toBe(true);
    api.put(namespace('books'));
    await expect.poll(() => rootsIn('books')).toBe('root 1');

    expect(whileFirst).toBe(false);
    expect(first.leadership.isLeading).toBe(false);
  });

  it('is lost by a replica that cannot renew it before another takes it', async () => {
    const first = startReplica(hurriedClock);
    await expect.poll(() => first.leadership.isLeading).toBe(true);
    const original = holder();

    api.intercept = ({ method, plural, name }) =>
      plural === 'leases' && (method !== 'GET' || name !== '') ? statusAnswer(500, 'etcd is away') : undefined;
    await first.logged(({ message }) => message === 'another replica may write now');
    // The term may end before the answer to the first attempt has come.
    await expect
      .poll(() => first.leadership.problem)
      .toMatch(/lease istio-system\/isthmus-control-plane.*etcd is away/);
    api.intercept = undefined;
    await expect.poll(() => first.leadership.problem).toBeUndefined();

    expect(holder()).toBe(original);
  });

  it('of a replica that vanished runs out', async () => {
    api.put({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'isthmus-control-plane', namespace: 'istio-system' },
      spec: { holderIdentity: 'gone', leaseDurationSeconds: 15, leaseTransitions: 4 },
    });
    const asked: Record<string, number> = {};
    api.intercept = ({ method, plural }) => {
      if (plural === 'leases') asked[method === 'GET' ? 'read' : 'taken'] ??= performance.now();
      return undefined;
    };
    startReplica(hurriedClock);

    await expect.poll(() => rootsIn('shop')).toBe('root 1');

    // Fifteen seconds of the clock, which runs ten times as fast, after it was first seen.
    expect(asked.taken! - asked.read!).toBeGreaterThanOrEqual(1_490);
    expect(leaseSpec()).toMatchObject({ leaseTransitions: 5 });
  });
});
