/** How much is taken from a peer: a link of its own to a real control plane, with less room than it needs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createScope, realClock, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCaStore, createServing } from '../../src/ca/index.js';
import { controlPlaneIdentity } from '../../src/federation/identity.js';
import { createLink, type Link } from '../../src/federation/link.js';
import { peerSchema, readJson } from '../../src/federation/records.js';
import { createSavedImports } from '../../src/federation/saved/index.js';
import { captureLogs } from '../support/logs.js';
import { GLOBAL, pod, service } from '../support/objects.js';
import { befriend, networkObjects, type PeerPlane, startPeerPlane } from '../support/peers.js';

let scope: Scope;
let east: PeerPlane;
let west: PeerPlane;
beforeEach(async () => {
  scope = createScope();
  east = await startPeerPlane({ cluster: 'east', network: 'network-1', objects: networkObjects('network-1') });
  west = await startPeerPlane({ cluster: 'west', network: 'network-2', objects: networkObjects('network-2') });
  await west.write('west', 'reviews.yaml', reviews(1));
  await befriend(west, east);
});
afterEach(async () => {
  await scope.close();
  await east.close();
  await west.close();
});

function reviews(pods: number) {
  const members = Array.from({ length: pods }, (_, index) => pod(`reviews-${index}`, { ip: `10.2.1.${index + 1}` }));
  return [service('reviews', { labels: GLOBAL }), ...members];
}

/** From east to west, beside the one that east has. */
async function link(maxBytes: number, onChange: () => void = () => {}) {
  const { log, logged } = captureLogs();
  const clock = realClock;
  const pace = { clock, quietMs: 5, maxMs: 50, rescanMs: 60_000 };
  const store = await createCaStore(scope, { ...pace, directory: join(east.directory, 'ca'), log });
  const identity = controlPlaneIdentity('cluster.local', 'east');
  const serving = await createServing(scope, { hosts: ['localhost'], identity, ttlMs: 3_600_000, store, clock, log });
  const file = join(east.directory, 'federation', 'peers', 'west.json');
  const peer = readJson(file, await readFile(file, 'utf8'), peerSchema);
  const made: Link = createLink(scope, {
    peer: { ...peer, anchors: peer.roots },
    cluster: 'east',
    certificate: () => serving.current,
    saved: createSavedImports(join(east.directory, 'further'), log),
    maxAgeMs: 60_000,
    maxBytes,
    after: Promise.resolve(),
    clock,
    log,
    observe: () => {},
    onChange,
    onRoots: () => {},
  });
  return { link: made, logged };
}

it('a peer that sends more than can be taken in is not listened to, and that is told with the remedy', async () => {
  const { link: full, logged } = await link(200);

  const line = await logged(({ message }) => message === 'peer is not listened to; what was in force of it stays');

  expect(line).toMatchObject({ level: 'error', reason: expect.stringMatching(/narrow its federation\.exports/) });
  expect(full.model).toBeUndefined();
  expect(full.status()).toMatchObject({ state: 'connecting', problems: [expect.stringMatching(/more than can be/)] });
});

it('a peer whose changes come to that much is read anew, and nothing of it is lost meanwhile', async () => {
  let told = () => {};
  const { link: busy } = await link(2_000, () => told());
  const changed = () =>
    new Promise<void>((resolve) => {
      told = resolve;
    });
  const capacity = () => [...(busy.model?.workloads.values() ?? [])].map((workload) => workload.capacity);
  const until = async (is: () => boolean) => {
    while (!is()) await changed();
  };
  await until(() => busy.model !== undefined);

  for (let pods = 2; busy.status().generation < 2; pods += 1) {
    await west.write('west', 'reviews.yaml', reviews(pods));
    await until(() => capacity()[0] === pods);
    expect(busy.model?.services.size).toBe(1);
  }
  await west.write('west', 'reviews.yaml', reviews(1));
  await until(() => capacity()[0] === 1);

  expect(busy.status()).toMatchObject({ state: 'live', generation: 2, problems: [] });
});
