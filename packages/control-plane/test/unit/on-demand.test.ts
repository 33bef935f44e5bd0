import { describe, expect, it } from 'vitest';
import { createSession, createViews, MAX_WANTED_NAMES } from '../../src/xds/index.js';
import { type ClusterSketch, derive } from '../support/derive.js';
import {
  AMBIENT,
  authorizationPolicy,
  eastWestGateway,
  GLOBAL,
  type Manifest,
  namespace,
  pod,
  service,
} from '../support/objects.js';
import { ADDRESS, AUTHORIZATION, drain, type ReadResponse, request } from '../support/xds.js';

const REVIEWS = 'shop/reviews.shop.svc.cluster.local';
const POD_1 = 'east//Pod/shop/reviews-1';
const POD_2 = 'east//Pod/shop/reviews-2';
const LONELY = 'east//Pod/shop/lonely';

const shop = [
  namespace('shop', AMBIENT),
  service('reviews', { spec: { clusterIP: '10.0.0.7' } }),
  pod('reviews-1', { ip: '10.1.0.1', node: 'node-1', labels: { app: 'reviews' } }),
  pod('reviews-2', { ip: '10.1.0.2', node: 'node-2', labels: { app: 'reviews' } }),
  pod('lonely', { ip: '10.1.0.3', node: 'node-2' }),
];

/** A subscriber by name, and what it is told of each state of the cluster. */
function onDemand({ node = '', held = {} }: { node?: string; held?: Record<string, string> } = {}) {
  const views = createViews('east');
  const session = createSession({ id: 's', node });
  // What ztunnel opens with: nothing but what it held before.
  session.receive(
    request(ADDRESS, {
      resourceNamesSubscribe: ['*'],
      resourceNamesUnsubscribe: ['*'],
      initialResourceVersions: held,
    }),
  );
  return {
    session,
    see(objects: readonly Manifest[], ...others: readonly ClusterSketch[]): readonly ReadResponse[] {
      const clusters = [
        derive({ id: 'east', network: 'network-1', objects }),
        ...others.map((each) => derive(each, false)),
      ];
      views.publish({ clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])) });
      return drain(session, views.current('ztunnel')!);
    },
    ask(...names: readonly string[]): readonly ReadResponse[] {
      session.receive(request(ADDRESS, { resourceNamesSubscribe: [...names] }));
      return drain(session, views.current('ztunnel')!);
    },
  };
}

function told(responses: readonly ReadResponse[]) {
  return responses.map(({ names, removed }) => ({ names, removed }));
}

describe('a subscription by name', () => {
  it('is answered at once with nothing, and then with what is asked for only', () => {
    const proxy = onDemand();

    const first = proxy.see(shop);
    const asked = proxy.ask(LONELY);

    expect(told(first)).toEqual([{ names: [], removed: [] }]);
    expect(told(asked)).toEqual([{ names: [LONELY], removed: [] }]);
    expect(proxy.session.status()).toMatchObject([{ mode: 'on-demand', held: 1 }]);
  });

  it('finds a workload by its address, under its own name with the alias, and last under the name asked for', () => {
    const proxy = onDemand();
    proxy.see(shop);

    const [response] = proxy.ask('network-1/10.1.0.3');

    expect(response!.message.resources.map(({ name, aliases }) => [name, aliases])).toEqual([
      [LONELY, ['network-1/10.1.0.3']],
      ['network-1/10.1.0.3', []],
    ]);
    const [own, copy] = response!.message.resources.map(({ resource }) => Buffer.from(resource!.value));
    expect(copy).toEqual(own);
  });

  it.each([
    ['hostname', REVIEWS, [REVIEWS, POD_1, POD_2]],
    ['virtual address', 'network-1/10.0.0.7', [REVIEWS, POD_1, POD_2, 'network-1/10.0.0.7']],
  ])('finds a service by its %s, with all its workloads', (_, key, names) => {
    const proxy = onDemand();
    proxy.see(shop);

    expect(told(proxy.ask(key))).toEqual([{ names, removed: [] }]);
  });

  it('says what does not exist, and sends it when it comes to be', () => {
    const proxy = onDemand();
    proxy.see(shop);

    const missing = proxy.ask('network-1/10.1.0.9');
    const later = proxy.see([...shop, pod('late', { ip: '10.1.0.9' })]);

    expect(told(missing)).toEqual([{ names: [], removed: ['network-1/10.1.0.9'] }]);
    expect(told(later)).toEqual([{ names: ['east//Pod/shop/late', 'network-1/10.1.0.9'], removed: [] }]);
  });

  it('is told of changes to what it asked for, new workloads of its services included, and of nothing else', () => {
    const proxy = onDemand();
    proxy.see(shop);
    proxy.ask(REVIEWS);

    const unrelated = proxy.see(shop.filter((object) => object !== shop[4]));
    const joined = proxy.see([...shop, pod('reviews-3', { ip: '10.1.0.4', labels: { app: 'reviews' } })]);
    const left = proxy.see(shop.filter((object) => object !== shop[2]));

    expect(told(unrelated)).toEqual([]);
    expect(told(joined)).toEqual([{ names: ['east//Pod/shop/reviews-3'], removed: [] }]);
    expect(told(left)).toEqual([{ names: [], removed: [POD_1, 'east//Pod/shop/reviews-3'] }]);
  });

  it('takes the alias away together with the workload', () => {
    const proxy = onDemand();
    proxy.see(shop);
    proxy.ask('network-1/10.1.0.3');

    const gone = proxy.see(shop.filter((object) => object !== shop[4]));

    expect(told(gone)).toEqual([{ names: [], removed: [LONELY, 'network-1/10.1.0.3'] }]);
  });

  it('brings the workloads of its own node unasked, with their services: their proxy has to know them', () => {
    const proxy = onDemand({ node: 'node-2' });

    expect(told(proxy.see(shop)).map(({ names }) => [...names].sort())).toEqual([[LONELY, POD_2, REVIEWS]]);
  });

  it('brings the gateway with what is behind it: ztunnel does not ask for gateways', () => {
    const west: ClusterSketch = {
      id: 'west',
      network: 'network-2',
      objects: [
        ...shop.slice(0, 1),
        service('reviews', { labels: GLOBAL }),
        pod('reviews-1', { ip: '10.1.0.1', labels: { app: 'reviews' } }),
        eastWestGateway('network-2', '192.0.2.2'),
      ],
    };
    const proxy = onDemand();
    proxy.see([...shop.slice(0, 1), service('reviews', { labels: GLOBAL })], west);

    const [response] = proxy.ask(REVIEWS);

    expect(response!.names).toEqual([
      REVIEWS,
      expect.stringMatching(/SplitHorizonWorkload/),
      expect.stringMatching(/^NetworkGateway\/network-2/),
    ]);
  });

  it('answers again what is asked for again', () => {
    const proxy = onDemand();
    proxy.see(shop);
    proxy.ask('network-1/10.1.0.3');

    expect(told(proxy.ask('network-1/10.1.0.3'))).toEqual([{ names: [LONELY, 'network-1/10.1.0.3'], removed: [] }]);
  });

  it('goes on after a reconnect: what is held is not sent again, what was waited for is answered', () => {
    const before = onDemand();
    before.see(shop);
    const [answer] = before.ask(LONELY);
    const { version } = answer!.message.resources[0]!;

    const after = onDemand({ held: { [LONELY]: version, 'network-1/10.1.0.9': '', gone: '1' } });

    expect(told(after.see(shop))).toEqual([{ names: [], removed: ['gone', 'network-1/10.1.0.9'] }]);
    expect(told(after.see(shop.filter((object) => object !== shop[4])))).toEqual([{ names: [], removed: [LONELY] }]);
  });

  it('ends for a name that is taken back', () => {
    const proxy = onDemand();
    proxy.see(shop);
    proxy.ask(LONELY);

    proxy.session.receive(request(ADDRESS, { resourceNamesUnsubscribe: [LONELY] }));

    expect(told(proxy.see(shop.filter((object) => object !== shop[4])))).toEqual([]);
  });

  it('leaves policies as they are: all of them', () => {
    const proxy = onDemand();
    proxy.session.receive(request(AUTHORIZATION));

    const responses = proxy.see([...shop, authorizationPolicy('p', {})]);

    expect(responses.map(({ type, names }) => [type, names])).toEqual([
      ['authorization', ['shop/p']],
      ['address', []],
    ]);
  });

  it('is refused beyond the number of names that are kept for one subscriber', () => {
    const { session } = onDemand();
    const names = Array.from({ length: MAX_WANTED_NAMES + 1 }, (_, index) => `network-1/name-${index}`);

    const received = session.receive(request(ADDRESS, { resourceNamesSubscribe: names }));

    expect(received).toMatchObject({ kind: 'refused', code: 'RESOURCE_EXHAUSTED' });
  });
});
