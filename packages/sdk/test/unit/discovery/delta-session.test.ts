import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { createDeltaSession, type DeltaSession, proxyNode } from '../../../src/discovery/index.js';
import { discoveryPb } from '../../../src/wire/index.js';
import {
  ADDRESS_URL,
  AUTHORIZATION_URL,
  authorizationResource,
  rawResource,
  workloadResource,
} from '../../support/xds-resources.js';

type ResponseInit = MessageInitShape<typeof discoveryPb.DeltaDiscoveryResponseSchema>;

const node = proxyNode({ type: 'ztunnel', ip: '10.0.0.1', pod: 'zt-1', namespace: 'istio-system' });

const response = (init: ResponseInit) =>
  create(discoveryPb.DeltaDiscoveryResponseSchema, { typeUrl: ADDRESS_URL, nonce: 'n', ...init });

const bad = (name: string, version = '1') => rawResource(ADDRESS_URL, name, version, Uint8Array.of(0xff));

const versionsReported = (session: DeltaSession) => session.open()[0]?.initialResourceVersions;

describe('the first requests of a stream', () => {
  it('ask for everything of each type, addresses first, and say who asks', () => {
    const requests = createDeltaSession(node).open();

    expect(requests.map(({ typeUrl }) => typeUrl)).toEqual([ADDRESS_URL, AUTHORIZATION_URL]);
    for (const request of requests) {
      expect(request.node?.id).toBe('ztunnel~10.0.0.1~zt-1.istio-system~istio-system.svc.cluster.local');
      expect(request).toMatchObject({
        resourceNamesSubscribe: [],
        resourceNamesUnsubscribe: [],
        initialResourceVersions: {},
        responseNonce: '',
      });
      expect(request.errorDetail).toBeUndefined();
    }
  });

  it('report after a loss what is held, each type its own', () => {
    const session = createDeltaSession(node);
    session.open();
    session.receive(
      response({ resources: [workloadResource({ uid: 'a' }, '7'), workloadResource({ uid: 'b' }, '8')] }),
    );
    session.receive(response({ typeUrl: AUTHORIZATION_URL, resources: [authorizationResource({ name: 'p' })] }));
    session.receive(response({ removedResources: ['b'] }));

    const [addresses, authorizations] = session.open();

    expect(addresses?.initialResourceVersions).toEqual({ a: '7' });
    // Istio gives policies no version; the name alone says that it is held.
    expect(authorizations?.initialResourceVersions).toEqual({ 'shop/p': '' });
    expect(addresses?.node).toBeDefined();
  });
});

describe('a response', () => {
  it('is acknowledged by its nonce, and brings what changed', () => {
    const session = createDeltaSession(node);

    const { reply, batch, refused } = session.receive(
      response({ nonce: 'n-1', resources: [workloadResource({ uid: 'a' })] }),
    );

    expect(reply).toMatchObject({ typeUrl: ADDRESS_URL, responseNonce: 'n-1', initialResourceVersions: {} });
    expect(reply.node).toBeUndefined();
    expect(reply.errorDetail).toBeUndefined();
    expect(batch.upserts.map(({ kind }) => kind)).toEqual(['workload']);
    expect(refused).toEqual([]);
  });

  it('that is bad in part is applied in part, and refused with every name and reason', () => {
    const session = createDeltaSession(node);
    session.receive(response({ resources: [workloadResource({ uid: 'gone' })] }));

    const { reply, batch } = session.receive(
      response({
        nonce: 'n-2',
        resources: [
          workloadResource({ uid: 'good' }),
          workloadResource({ uid: 'bad-1', addresses: [new Uint8Array(3)] }),
          workloadResource({ uid: 'bad-2', status: 9 as never, addresses: [new Uint8Array(5)] }),
        ],
        removedResources: ['gone'],
      }),
    );

    expect(batch.upserts.map(({ value }) => value)).toMatchObject([{ uid: 'good' }]);
    expect(batch.removals).toEqual([{ type: 'address', name: 'gone' }]);
    expect(reply.responseNonce).toBe('n-2');
    expect(reply.errorDetail).toMatchObject({
      code: 3,
      message:
        'bad-1: workload.addresses[0]: 3 bytes, an IP address has 4 or 16; ' +
        'bad-2: workload.addresses[0]: 5 bytes, an IP address has 4 or 16, workload.status: 9 is not a known WorkloadStatus',
    });
  });

  it('keeps the version in force of a resource whose newer one was refused', () => {
    const session = createDeltaSession(node);
    session.receive(response({ resources: [workloadResource({ uid: 'a' }, 'good')] }));

    session.receive(response({ resources: [bad('a', 'broken'), bad('never-good', 'broken')] }));

    expect([...session.state('address').refused.keys()]).toEqual(['a', 'never-good']);
    expect(versionsReported(session)).toEqual({ a: 'good' });
  });

  it('forgets a refusal once the resource is good, or gone', () => {
    const session = createDeltaSession(node);
    session.receive(response({ resources: [bad('a'), bad('b')] }));

    session.receive(response({ resources: [workloadResource({ uid: 'a' }, '2')], removedResources: ['b'] }));

    expect(session.state('address').refused.size).toBe(0);
    expect(versionsReported(session)).toEqual({ a: '2' });
  });

  it('names a bounded number of bad resources', () => {
    const session = createDeltaSession(node);
    const resources = Array.from({ length: 25 }, (_, index) => bad(`bad-${index}`));

    const { reply, refused } = session.receive(response({ resources }));

    expect(refused).toHaveLength(25);
    expect(reply.errorDetail?.message).toMatch(/^bad-0: .*; bad-19: [^;]*; and 5 more$/);
  });

  it('of a type nobody asked for is acknowledged and changes nothing', () => {
    const session = createDeltaSession(node);
    const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

    const { reply, batch } = session.receive(response({ typeUrl, nonce: 'n-3', removedResources: ['x'] }));

    expect(reply).toMatchObject({ typeUrl, responseNonce: 'n-3' });
    expect(reply.errorDetail).toBeUndefined();
    expect(batch).toEqual({ upserts: [], removals: [] });
  });

  it('that removes what is not held changes nothing', () => {
    const session = createDeltaSession(node);

    const { batch } = session.receive(response({ removedResources: ['never-seen'] }));

    expect(batch.removals).toEqual([]);
  });
});

describe('the first sync', () => {
  it('is done when every type was answered, with nothing even', () => {
    const session = createDeltaSession(node);

    const before = session.synced;
    session.receive(response({}));
    const between = session.synced;
    session.receive(response({ typeUrl: AUTHORIZATION_URL }));

    expect([before, between, session.synced]).toEqual([false, false, true]);
  });

  it('does not wait for an address that is bad', () => {
    const session = createDeltaSession(node);
    session.receive(response({ typeUrl: AUTHORIZATION_URL }));

    session.receive(response({ resources: [bad('a')] }));

    expect(session.synced).toBe(true);
  });

  it('waits for every policy: the bad one might be the one that denies', () => {
    const session = createDeltaSession(node);
    session.receive(response({}));
    const broken = authorizationResource({ action: 9 as never });

    session.receive(response({ typeUrl: AUTHORIZATION_URL, resources: [broken] }));
    const before = session.synced;
    session.receive(response({ typeUrl: AUTHORIZATION_URL, resources: [authorizationResource()] }));

    expect([before, session.synced]).toEqual([false, true]);
  });

  it('stays done over losses and refusals', () => {
    const session = createDeltaSession(node);
    session.receive(response({}));
    session.receive(response({ typeUrl: AUTHORIZATION_URL }));

    session.open();
    session.receive(
      response({ typeUrl: AUTHORIZATION_URL, resources: [authorizationResource({ action: 9 as never })] }),
    );

    expect(session.synced).toBe(true);
  });
});
