import { describe, expect, it } from 'vitest';
import {
  type Authorization,
  createStore,
  decodeAuthorization,
  decodeService,
  decodeWorkload,
  type ResourceModel,
  type Service,
  type Workload,
} from '../../../src/discovery/index.js';
import { workloadPb } from '../../../src/wire/index.js';
import {
  type AuthorizationInit,
  authorizationMessage,
  type ServiceInit,
  serviceMessage,
  type WorkloadInit,
  workloadMessage,
} from '../../support/xds-resources.js';

const HBONE = workloadPb.TunnelProtocol.HBONE;

function modelOf<T>(decoded: { ok: true; value: T } | { ok: false }): T {
  if (!decoded.ok) throw new Error('the test resource is not valid');
  return decoded.value;
}

const workload = (init: WorkloadInit): Workload => modelOf(decodeWorkload(workloadMessage(init)));
const service = (init: ServiceInit): Service => modelOf(decodeService(serviceMessage(init)));
const policy = (init: AuthorizationInit): Authorization => modelOf(decodeAuthorization(authorizationMessage(init)));

const workloads = (...values: Workload[]): ResourceModel[] => values.map((value) => ({ kind: 'workload', value }));
const services = (...values: Service[]): ResourceModel[] => values.map((value) => ({ kind: 'service', value }));
const policies = (...values: Authorization[]): ResourceModel[] => values.map((value) => ({ kind: 'policy', value }));

const address = (last: number) => Uint8Array.of(10, 0, 0, last);
const uids = (found: readonly Workload[]) => found.map(({ uid }) => uid);
const keys = (found: readonly { readonly key: string }[]) => found.map(({ key }) => key);

describe('a store', () => {
  it('makes a snapshot per batch and none for an empty one', () => {
    const store = createStore();
    const empty = store.snapshot;

    const first = store.apply({ upserts: workloads(workload({ uid: 'a' })), removals: [] });
    const same = store.apply({ upserts: [], removals: [] });

    expect([empty.version, first.version]).toEqual([0, 1]);
    expect(same).toBe(first);
    expect(empty.workload('a')).toBeUndefined();
    expect(store.snapshot.workload('a')).toBeDefined();
  });

  it('replaces a workload with all that was indexed of it', () => {
    const store = createStore();
    store.apply({
      upserts: workloads(workload({ uid: 'a', addresses: [address(1)], services: { 'shop/old': {} } })),
      removals: [],
    });

    const snapshot = store.apply({
      upserts: workloads(workload({ uid: 'a', addresses: [address(2)], services: { 'shop/new': {} } })),
      removals: [],
    });

    expect(snapshot.workloadsByAddress('', '10.0.0.1')).toEqual([]);
    expect(uids(snapshot.workloadsByAddress('', '10.0.0.2'))).toEqual(['a']);
    expect(snapshot.endpoints('shop/old')).toEqual([]);
    expect(uids(snapshot.endpoints('shop/new'))).toEqual(['a']);
  });

  it('keeps the endpoints of a service that arrives after them, or changes', () => {
    const store = createStore();
    const member = workload({ uid: 'a', services: { 'shop/reviews.example': {} } });

    const before = store.apply({ upserts: workloads(member), removals: [] });
    const known = store.apply({ upserts: services(service({ hostname: 'reviews.example' })), removals: [] });
    const changed = store.apply({
      upserts: services(service({ hostname: 'reviews.example', canonical: true })),
      removals: [],
    });

    expect(before.service('shop/reviews.example')).toBeUndefined();
    expect(uids(known.endpoints('shop/reviews.example'))).toEqual(['a']);
    expect(changed.service('shop/reviews.example')?.canonical).toBe(true);
    expect(uids(changed.endpoints('shop/reviews.example'))).toEqual(['a']);
  });

  it('does not find host-network workloads by an address that is the node’s', () => {
    const store = createStore();
    const onHost = workload({
      uid: 'a',
      addresses: [address(1)],
      networkMode: workloadPb.NetworkMode.HOST_NETWORK,
      services: { 'shop/s': {} },
    });

    const snapshot = store.apply({ upserts: workloads(onHost), removals: [] });

    expect(snapshot.workloadsByAddress('', '10.0.0.1')).toEqual([]);
    expect(uids(snapshot.endpoints('shop/s'))).toEqual(['a']);
  });

  it('ranks workloads on one address: HBONE pods, pods, HBONE, others, and the first seen', () => {
    const store = createStore();
    const addresses = [address(1)];

    const snapshot = store.apply({
      upserts: workloads(
        workload({ uid: 'east/x/WorkloadEntry/n/plain', addresses }),
        workload({ uid: 'east/x/WorkloadEntry/n/tunnel', addresses, tunnelProtocol: HBONE }),
        workload({ uid: 'east//Pod/n/plain', addresses }),
        workload({ uid: 'east//Pod/n/tunnel', addresses, tunnelProtocol: HBONE }),
        workload({ uid: 'west//Pod/n/tunnel', addresses, tunnelProtocol: HBONE }),
      ),
      removals: [],
    });

    expect(uids(snapshot.workloadsByAddress('', '10.0.0.1'))).toEqual([
      'east//Pod/n/tunnel',
      'west//Pod/n/tunnel',
      'east//Pod/n/plain',
      'east/x/WorkloadEntry/n/tunnel',
      'east/x/WorkloadEntry/n/plain',
    ]);
  });

  it('keeps equal addresses of two networks apart', () => {
    const store = createStore();

    const snapshot = store.apply({
      upserts: workloads(
        workload({ uid: 'a', network: 'n1', addresses: [address(1)] }),
        workload({ uid: 'b', network: 'n2', addresses: [address(1)] }),
      ),
      removals: [],
    });

    expect(uids(snapshot.workloadsByAddress('n2', '10.0.0.1'))).toEqual(['b']);
  });

  it('finds workloads that have only a hostname', () => {
    const store = createStore();
    const external = workload({ uid: 'a', namespace: 'shop', hostname: 'db.example' });

    const snapshot = store.apply({ upserts: workloads(external), removals: [] });

    expect(snapshot.workloadByHostname('shop', 'db.example')?.uid).toBe('a');
    expect(snapshot.workloadByHostname('bank', 'db.example')).toBeUndefined();
  });

  it('lists services of one hostname or address in the order they were first seen, updates included', () => {
    const store = createStore();
    const addresses = [{ address: address(9) }];
    const inNamespace = (namespace: string, canonical = false) =>
      service({ namespace, hostname: 'api.example', addresses, canonical });
    store.apply({ upserts: services(inNamespace('b'), inNamespace('a'), inNamespace('c')), removals: [] });

    const snapshot = store.apply({ upserts: services(inNamespace('b', true)), removals: [] });

    expect(keys(snapshot.servicesByHostname('api.example'))).toEqual([
      'b/api.example',
      'a/api.example',
      'c/api.example',
    ]);
    expect(keys(snapshot.servicesByAddress('', '10.0.0.9'))).toEqual([
      'b/api.example',
      'a/api.example',
      'c/api.example',
    ]);
    expect(snapshot.servicesByAddress('', '10.0.0.9')[0]?.canonical).toBe(true);
  });

  it('asks blocks only when no service has the very address, the narrowest first', () => {
    const store = createStore();
    const block = (hostname: string, length: number) =>
      service({ hostname, addresses: [{ address: Uint8Array.of(10, 0, 0, 0), length }] });

    const snapshot = store.apply({
      upserts: services(
        block('wide', 8),
        block('narrow', 24),
        block('all', 0),
        service({ hostname: 'exact', addresses: [{ address: address(1) }] }),
      ),
      removals: [],
    });

    expect(keys(snapshot.servicesByAddress('', '10.0.0.1'))).toEqual(['shop/exact']);
    expect(keys(snapshot.servicesByAddress('', '10.0.0.2'))).toEqual(['shop/narrow', 'shop/wide', 'shop/all']);
    expect(keys(snapshot.servicesByAddress('', '10.9.0.1'))).toEqual(['shop/wide', 'shop/all']);
    expect(keys(snapshot.servicesByAddress('', '2001:db8::1'))).toEqual([]);
    expect(snapshot.servicesByAddress('', 'no address')).toEqual([]);
  });

  it('removes by name, workloads before services', () => {
    const store = createStore();
    store.apply({
      upserts: [
        ...workloads(workload({ uid: 'east//Pod/shop/a' })),
        ...services(service({ hostname: 'reviews.example' })),
      ],
      removals: [],
    });

    const snapshot = store.apply({
      upserts: [],
      removals: [
        { type: 'address', name: 'east//Pod/shop/a' },
        { type: 'address', name: 'shop/reviews.example' },
        { type: 'address', name: 'never/seen' },
      ],
    });

    expect([...snapshot.workloads()]).toEqual([]);
    expect([...snapshot.services()]).toEqual([]);
    expect(snapshot.servicesByHostname('reviews.example')).toEqual([]);
  });

  it('takes a name that changes its kind for one resource', () => {
    const store = createStore();
    store.apply({
      upserts: workloads(workload({ uid: 'shop/reviews.example', addresses: [address(1)] })),
      removals: [],
    });

    const snapshot = store.apply({ upserts: services(service({ hostname: 'reviews.example' })), removals: [] });

    expect(snapshot.workload('shop/reviews.example')).toBeUndefined();
    expect(snapshot.workloadsByAddress('', '10.0.0.1')).toEqual([]);
    expect(snapshot.service('shop/reviews.example')).toBeDefined();
  });

  it('finds policies by namespace, everywhere, and by name, each once, and names the missing', () => {
    const store = createStore();
    const { GLOBAL, NAMESPACE, WORKLOAD_SELECTOR } = { GLOBAL: 0, NAMESPACE: 1, WORKLOAD_SELECTOR: 2 } as const;
    const member = workload({
      uid: 'a',
      namespace: 'shop',
      authorizationPolicies: ['shop/selected', 'shop/in-shop', 'shop/not-here'],
    });

    const snapshot = store.apply({
      upserts: [
        ...policies(
          policy({ namespace: 'shop', name: 'in-shop', scope: NAMESPACE }),
          policy({ namespace: 'bank', name: 'in-bank', scope: NAMESPACE }),
          policy({ namespace: 'istio-system', name: 'everywhere', scope: GLOBAL }),
          policy({ namespace: 'shop', name: 'selected', scope: WORKLOAD_SELECTOR }),
          policy({ namespace: 'shop', name: 'of-others', scope: WORKLOAD_SELECTOR }),
        ),
        ...workloads(member),
      ],
      removals: [],
    });

    const selection = snapshot.policiesFor(member);
    expect(keys(selection.policies)).toEqual(['shop/in-shop', 'istio-system/everywhere', 'shop/selected']);
    expect(selection.missing).toEqual(['shop/not-here']);
  });

  it('does not take a policy of a namespace without name for a global one', () => {
    const store = createStore();

    const snapshot = store.apply({
      upserts: policies(policy({ namespace: '', name: 'p', scope: 1 })),
      removals: [],
    });

    expect(snapshot.policiesFor(workload({ namespace: 'shop' })).policies).toEqual([]);
  });
});
