import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterModel } from '../../src/model/index.js';
import { createSession, createViews, type Session, type VersionedView } from '../../src/xds/index.js';
import { meshes, RUNS } from '../support/arbitraries.js';
import { derive } from '../support/derive.js';
import { ADDRESS, AUTHORIZATION, readOutgoing, request } from '../support/xds.js';

/** What a proxy holds: versions by name, as ztunnel keeps them. */
type Held = Map<string, string>;

/** Takes at most `count` responses; true when there are no more. */
function take(session: Session, view: VersionedView, held: Held, count: number): boolean {
  for (let taken = 0; taken < count; taken++) {
    const outgoing = session.next(view);
    if (!outgoing) return true;
    const { message, removed, type } = readOutgoing(outgoing);
    for (const { name, version } of message.resources) held.set(`${type} ${name}`, version);
    for (const name of removed) held.delete(`${type} ${name}`);
  }
  return false;
}

function everything({ resources }: VersionedView): Record<string, string> {
  const entries = (['address', 'authorization'] as const).flatMap((type) =>
    [...resources[type].values()].map(({ name, version }) => [`${type} ${name}`, version]),
  );
  return Object.fromEntries(entries);
}

function openSession(held: Held, maxResponseBytes: number): Session {
  const session = createSession({ id: 's', maxResponseBytes });
  for (const [type, typeUrl] of [
    ['address', ADDRESS],
    ['authorization', AUTHORIZATION],
  ] as const) {
    const own = [...held]
      .filter(([key]) => key.startsWith(`${type} `))
      .map(([key, version]) => [key.slice(type.length + 1), version]);
    session.receive(request(typeUrl, { initialResourceVersions: Object.fromEntries(own) }));
  }
  return session;
}

const modelOf = (...clusters: readonly ClusterModel[]) => ({
  clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])),
});

describe('a proxy that applies deltas', () => {
  it('ends with exactly what is there now and with no more, however slow it was and whatever was lost on the way', () => {
    const story = fc.record({
      steps: fc.array(fc.record({ mesh: meshes, taken: fc.nat(4), lost: fc.nat(3), reconnects: fc.boolean() }), {
        minLength: 1,
        maxLength: 5,
      }),
      maxResponseBytes: fc.constantFrom(1, 300, 100_000),
    });

    fc.assert(
      fc.property(story, ({ steps, maxResponseBytes }) => {
        const views = createViews('east');
        const held: Held = new Map();
        let session = openSession(held, maxResponseBytes);

        for (const { mesh, taken, lost, reconnects } of steps) {
          views.publish(modelOf(derive(mesh.east), derive(mesh.west, false)));
          if (reconnects) session = openSession(held, maxResponseBytes);
          take(session, views.current('ztunnel')!, held, taken);
          // What was on its way when the connection broke; the proxy comes back with what it really holds.
          if (lost > 0) {
            take(session, views.current('ztunnel')!, new Map(), lost);
            session = openSession(held, maxResponseBytes);
          }
        }
        const newest = views.current('ztunnel')!;
        take(session, newest, held, Number.POSITIVE_INFINITY);

        expect(Object.fromEntries(held)).toEqual(everything(newest));
      }),
      RUNS,
    );
  });

  it('is sent nothing after a cluster was taken away and added again between two looks', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const views = createViews('east');
        const held: Held = new Map();
        const session = openSession(held, 100_000);
        views.publish(modelOf(derive(east), derive(west, false)));
        take(session, views.current('ztunnel')!, held, Number.POSITIVE_INFINITY);

        views.publish(modelOf(derive(east)));
        views.publish(modelOf(derive(east), derive(west, false)));

        expect(session.next(views.current('ztunnel')!)).toBeUndefined();
      }),
      RUNS,
    );
  });

  it('has the same afterwards when it saw the cluster go and come back', () => {
    fc.assert(
      fc.property(meshes, ({ east, west }) => {
        const views = createViews('east');
        const held: Held = new Map();
        const session = openSession(held, 100_000);
        const see = (...clusters: readonly ClusterModel[]) => {
          views.publish(modelOf(...clusters));
          take(session, views.current('ztunnel')!, held, Number.POSITIVE_INFINITY);
          return Object.fromEntries(held);
        };

        const before = see(derive(east), derive(west, false));
        see(derive(east));
        const after = see(derive(east), derive(west, false));

        expect(after).toEqual(before);
      }),
      RUNS,
    );
  });
});
