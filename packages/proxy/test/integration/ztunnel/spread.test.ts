/** Connections to another network, through the real gateway there: which pod serves them, and what they cost it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exchange, serveEcho, socks5, type TestServer } from '../../support/tcp.js';
import { eastRecords, REVIEWS, startTwoClusters, type TwoClusters, westRecords } from '../../support/two-clusters.js';

const PODS = 3;
/** A connection for each pod is a round; so many even ones in a row, and nothing is being looked for any more. */
const EVEN_ROUNDS = 3;
const MOST_ROUNDS = 40;
const CONNECTIONS = 60;

let mesh: TwoClusters;
let apps: TestServer[];

beforeAll(async () => {
  mesh = await startTwoClusters({ gatewayRandom: drawInTurnOf([0.1, 0.9, 0.1, 0.5, 0.7, 0.3]) });
  const addresses = Array.from({ length: PODS - 1 }, (_, index) => mesh.addresses.further(20 + index));
  const others = await Promise.all(addresses.map((host) => serveEcho(mesh.scope, host, 8080)));
  apps = [mesh.reviewsApp, ...others];
  const known = westRecords(mesh.addresses);
  const pods = known.workloads.filter(({ name }) => name === 'reviews');
  const more = pods.flatMap((pod) =>
    addresses.map((ip, index) => {
      const name = `reviews-${index + 2}`;
      return { ...pod, name, uid: `west//Pod/shop/${name}`, addresses: [ip] };
    }),
  );
  for (const proxy of [mesh.west, mesh.gateway]) proxy.update({ workloads: more });
  const remote = eastRecords(mesh.addresses).workloads.filter(({ networkGateway }) => networkGateway);
  mesh.east.update({ workloads: remote.map((record) => ({ ...record, capacity: PODS })) });
});
afterAll(() => mesh?.close());

/** A draw of the gateway's as uneven as random ones are, the same in every run. */
function drawInTurnOf(draws: readonly number[]): () => number {
  let next = 0;
  return () => draws[next++ % draws.length] ?? 0;
}

async function connections(count: number): Promise<void> {
  for (let opened = 0; opened < count; opened++) {
    const { socket } = await socks5(mesh.scope, mesh.socks5, REVIEWS, 80);
    await exchange(socket, `connection ${opened}`);
  }
}

const served = () => apps.map(({ accepted }) => accepted.length);
const outerTunnels = () =>
  mesh.gateway.telemetry.samples('isthmus_gateway_connections_opened_total').reduce((sum, { value }) => sum + value, 0);

/** Dials that look for further pods go on beside the connections: how many of these it takes depends on the machine. */
async function warmUp(): Promise<void> {
  let even = 0;
  for (let round = 0; even < EVEN_ROUNDS && round < MOST_ROUNDS; round++) {
    const [before, tunnels] = [served(), outerTunnels()];
    await connections(PODS);
    const isEven = served().every((count, index) => count === (before[index] ?? 0) + 1);
    even = isEven && outerTunnels() === tunnels ? even + 1 : 0;
  }
}

it('spreads new connections evenly over the pods, and opens no tunnel at the gateway for them', async () => {
  await warmUp();
  const [before, tunnels] = [served(), outerTunnels()];

  await connections(CONNECTIONS);

  const shares = served().map((count, index) => (count - (before[index] ?? 0)) / CONNECTIONS);
  for (const share of shares) expect(Math.abs(share - 1 / PODS)).toBeLessThan(0.05);
  expect(outerTunnels()).toBe(tunnels);
});
