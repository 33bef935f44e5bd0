import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDeltaSession,
  createStore,
  type DeltaSession,
  proxyNode,
  type Store,
} from '../../../src/discovery/index.js';
import type { discoveryPb } from '../../../src/wire/index.js';
import { acceptStream, type Held, type ServerStream } from '../../support/delta-server-model.js';
import { ADDRESS_URL, rawResource, workloadResource } from '../../support/xds-resources.js';

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');

type Step =
  | { readonly do: 'publish'; readonly name: string; readonly good: boolean }
  | { readonly do: 'withdraw'; readonly name: string }
  | { readonly do: 'push'; readonly limit: number }
  | { readonly do: 'deliver' }
  | { readonly do: 'reply' }
  | { readonly do: 'break' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), name: names, good: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('withdraw' as const), name: names }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), limit: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.constant({ do: 'deliver' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'reply' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'break' as const }) },
);

/** A client and a server with a link between that delivers in order and may break at any moment, losing what is on it. */
class World {
  readonly content = new Map<string, Held & { readonly good: boolean }>();
  readonly session: DeltaSession = createDeltaSession(
    proxyNode({ type: 'ztunnel', ip: '10.0.0.1', pod: 'p', namespace: 'n' }),
  );
  readonly store: Store = createStore();
  /** What a client that does everything right has in force, by reading along. */
  readonly expected = new Map<string, string>();
  readonly #good = new Set<string>();
  #stream: ServerStream = this.#open();
  #toClient: discoveryPb.DeltaDiscoveryResponse[] = [];
  #toServer: discoveryPb.DeltaDiscoveryRequest[] = [];
  #version = 0;

  run(action: Step): void {
    switch (action.do) {
      case 'publish': {
        const version = `v${++this.#version}`;
        const resource = action.good
          ? workloadResource({ uid: action.name, name: version }, version)
          : rawResource(ADDRESS_URL, action.name, version, Uint8Array.of(0xff));
        this.content.set(action.name, { version, resource, good: action.good });
        if (action.good) this.#good.add(version);
        break;
      }
      case 'withdraw':
        this.content.delete(action.name);
        break;
      case 'push': {
        const response = this.#stream.next(this.content, action.limit);
        if (response) this.#toClient.push(response);
        break;
      }
      case 'deliver': {
        const response = this.#toClient.shift();
        if (response) this.#receive(response);
        break;
      }
      case 'reply': {
        const reply = this.#toServer.shift();
        if (reply) this.#stream.onReply(reply);
        break;
      }
      case 'break':
        this.#stream = this.#open();
        this.#toClient = [];
        this.#toServer = [];
        break;
    }
  }

  /** Lets everything that is due happen. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      this.run({ do: 'push', limit: 3 });
      this.run({ do: 'deliver' });
      this.run({ do: 'reply' });
    }
    expect([this.#toClient.length, this.#toServer.length]).toEqual([0, 0]);
  }

  expectInStep(): void {
    const inForce = new Map([...this.store.snapshot.workloads()].map(({ uid, name }) => [uid, name]));
    expect(inForce).toEqual(this.expected);
  }

  #open(): ServerStream {
    const [addresses] = this.session.open();
    expect(addresses?.initialResourceVersions).toEqual(Object.fromEntries(this.expected));
    return acceptStream(addresses!);
  }

  #receive(response: discoveryPb.DeltaDiscoveryResponse): void {
    for (const { name, version } of response.resources) {
      expect(this.expected.get(name), 'a resource held was sent again').not.toBe(version);
      if (this.#good.has(version)) this.expected.set(name, version);
    }
    for (const name of response.removedResources) this.expected.delete(name);
    const { reply, batch, refused } = this.session.receive(response);
    this.store.apply(batch);
    expect(reply.errorDetail !== undefined).toBe(refused.length > 0);
    this.#toServer.push(reply);
  }
}

describe('a session over a link that breaks', () => {
  it('converges to what the server has, keeps last good versions, and is never sent what it holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const world = new World();

        for (const action of steps) {
          world.run(action);
          world.expectInStep();
        }
        world.settle();

        world.expectInStep();
        for (const [name, { good, version }] of world.content) {
          if (good) expect(world.expected.get(name)).toBe(version);
        }
        for (const name of world.expected.keys()) expect(world.content.has(name), 'a removal was lost').toBe(true);
        const refusedNames = [...world.content].filter(([, { good }]) => !good).map(([name]) => name);
        for (const name of world.session.state('address').refused.keys()) expect(refusedNames).toContain(name);
      }),
      { seed: 41, numRuns: 200 },
    );
  });
});
