import { describe, expect, it } from 'vitest';
import { explainOutbound, explainWaypoint, planOutbound } from '../../../src/routing/index.js';
import {
  atAddress,
  atService,
  FAR,
  farGateway,
  first,
  memberOf,
  OWN,
  pod,
  port,
  service,
  snapshotOf,
  spiffe,
  standIn,
  type World,
} from '../../support/routing-world.js';

const storefront = pod('storefront', '10.1.0.1');
const waypoint = service('waypoint', '10.96.0.99', { ports: [port(15008, 15008)] });
const reviews = service('reviews', '10.96.0.10', { subjectAltNames: [spiffe('shop', 'reviews')] });
const near = pod('reviews-1', '10.1.0.2', { ...memberOf(reviews), capacity: 3 });
const sick = pod('reviews-2', '10.1.0.3', { ...memberOf(reviews), healthy: false });
const far = standIn(reviews, atAddress('10.9.0.2', FAR));
const lost = standIn(reviews, atAddress('10.9.0.9', FAR), { uid: 'far/lost' });

function explain({ services = [reviews], workloads = [] }: World, hostname = 'reviews', random = first) {
  const snapshot = snapshotOf({ services, workloads: [storefront, ...workloads] });
  return explainOutbound(snapshot, {
    source: storefront,
    network: OWN,
    target: { kind: 'hostname', hostname, port: 80 },
    random,
  });
}

describe('an explanation', () => {
  const world = { workloads: [near, sick, far, lost, farGateway()] };

  it('lists every endpoint with its verdict, its reason and how often it is drawn', () => {
    const { steps } = explain(world);
    const endpoint = steps.find(({ what }) => what === 'endpoint');

    expect(endpoint?.subject).toBe(`${reviews.key} port 80`);
    expect(endpoint?.candidates.map(({ uid, verdict, reason, share }) => [uid, verdict, reason, share])).toEqual([
      [near.uid, 'taken', 'drawn by capacity', 0.75],
      [sick.uid, 'passed-over', 'not healthy', 0],
      [far.uid, 'eligible', 'eligible, not drawn', 0.25],
      [
        lost.uid,
        'passed-over',
        'on another network, whose gateway is out of reach: nothing is known at 10.9.0.9:15008 on network "net-2"',
        0,
      ],
    ]);
  });

  it('tells what the name means, which gateway was looked for, and the plan', () => {
    const { steps, plan, service: asked, from } = explain(world, 'reviews', () => 0.9);

    expect(steps.map(({ what }) => what)).toEqual(['destination', 'gateway', 'gateway', 'endpoint']);
    expect(steps[0]?.outcome).toBe(`service ${reviews.key}`);
    expect(steps[1]).toMatchObject({ outcome: `${farGateway().uid} on port 15008` });
    expect(plan).toMatchObject({
      kind: 'nested',
      outer: { address: '10.9.0.2:15008', expected: [spiffe('istio-system', 'eastwest')] },
      innerExpected: [spiffe('shop', 'reviews')],
      alternatives: [{ kind: 'tunnel', hop: { address: '10.1.0.2:15008' } }],
    });
    expect([asked, from.identity]).toEqual([reviews.key, spiffe('shop', 'storefront')]);
  });

  it('shows the waypoint and who could be it', () => {
    const bound = { ...reviews, waypoint: atService(waypoint) };
    const pods = ['10.1.0.50', '10.1.0.51'].map((ip, i) => pod(`waypoint-${i}`, ip, memberOf(waypoint)));

    const { steps, plan } = explain({ services: [bound, waypoint], workloads: pods });

    expect(steps[1]).toMatchObject({ what: 'waypoint', subject: `${waypoint.key}:15008` });
    expect(steps[1]?.candidates.map(({ verdict }) => verdict)).toEqual(['taken', 'eligible']);
    expect(plan).toMatchObject({ kind: 'tunnel', via: 'waypoint', hop: { address: '10.1.0.50:15008' } });
  });

  it('of a refusal has the fault and its hint', () => {
    const { plan, steps } = explain({}, 'nowhere');

    expect(plan).toMatchObject({
      kind: 'refuse',
      fault: 'UNKNOWN_DESTINATION',
      hint: expect.stringContaining('scope'),
    });
    expect(steps).toMatchObject([{ what: 'destination', outcome: 'nobody the mesh knows' }]);
  });

  it('is of the same decision that a connection gets: the same draws give the same plan', () => {
    const snapshot = snapshotOf({ services: [reviews], workloads: [storefront, ...world.workloads] });
    const target = { kind: 'hostname', hostname: 'reviews', port: 80 } as const;

    for (const draw of [0, 0.3, 0.74, 0.76, 0.999]) {
      const request = { source: storefront, network: OWN, target, random: () => draw };
      const planned = planOutbound(snapshot, request);
      const explained = explainOutbound(snapshot, request);

      expect(explained.plan.kind).toBe(planned.kind);
      expect(explained.steps.at(-1)?.candidates).toMatchObject(planned.candidates);
    }
  });

  it('is plain data', () => {
    const explanation = explain(world);

    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
  });
});

describe('an explanation of what a waypoint does', () => {
  const bound = service('reviews', '10.96.0.10', {
    subjectAltNames: reviews.subjectAltNames,
    waypoint: atService(waypoint),
  });
  const itself = pod('waypoint-1', '10.1.0.50', memberOf(waypoint));
  const snapshot = snapshotOf({ services: [bound, waypoint], workloads: [itself, near, sick, far, farGateway()] });
  const at = (authority: string) =>
    explainWaypoint(snapshot, { waypoint: itself, network: OWN, authority, random: first });

  it('has the endpoints of every network with their shares, and the plan', () => {
    const { steps, plan, from, service: asked } = at('10.96.0.10:80');

    expect([from.uid, asked]).toEqual([itself.uid, bound.key]);
    expect(steps[0]?.candidates.map(({ uid, share }) => [uid, share])).toEqual([
      [near.uid, 0.75],
      [sick.uid, 0],
      [far.uid, 0.25],
    ]);
    expect(plan).toMatchObject({ kind: 'tunnel', via: 'endpoint', hop: { uid: near.uid } });
  });

  it('is a refusal with its hint when the destination is not its own', () => {
    const { plan } = at('10.96.0.77:80');

    expect(plan).toMatchObject({ kind: 'refuse', fault: 'UNKNOWN_DESTINATION', hint: expect.stringMatching(/./) });
  });
});
