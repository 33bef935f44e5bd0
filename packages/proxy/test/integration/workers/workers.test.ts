import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createScope } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type ControlPlaneInit, startTestControlPlane } from '../../support/control-plane.js';
import { reserveBlock } from '../../support/loopback.js';
import { type Program, startProgram } from '../../support/program.js';
import { connectTo, exchange, read, serveEcho } from '../../support/tcp.js';
import { parseMetrics } from '../../support/telemetry.js';
import { addressesOf, eastRecords, identity } from '../../support/two-clusters.js';

const ADDRESSES = addressesOf(await reserveBlock());
/** Leads to the application itself: what a connection costs is then one worker's affair. */
const DIRECT = { host: ADDRESSES.capture, port: 9080 };
/** Leads to the workload ratings of the same node, through HBONE from one worker to one of them. */
const MESH = { host: ADDRESSES.capture, port: 9081 };
/** Leads to another network, through a gateway where nobody listens. */
const REMOTE = { host: ADDRESSES.capture, port: 9082 };
const PAGES = { host: ADDRESSES.capture, admin: 15000, metrics: 15020, readiness: 15021 };

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

interface Worker {
  readonly pid: number;
  readonly state: string;
  readonly restarts: number;
  readonly openConnections: number;
}

type Known = Pick<ControlPlaneInit, 'records' | 'answers'>;

async function startTwoWorkers(env: Record<string, string> = {}, known: Known = { records: eastRecords(ADDRESSES) }) {
  const authority = await createTestAuthority();
  const plane = await startTestControlPlane({ authority, ...known });
  scope.own(() => plane.stop());
  const echo = await serveEcho(scope, '127.0.0.1', 0);
  await serveEcho(scope, ADDRESSES.ratings, 8080);
  const program = startProgram(scope, ['ztunnel', '--workers', '2'], {
    CLUSTER_ID: 'east',
    NETWORK: 'network-1',
    NODE_NAME: 'node-a',
    XDS_ADDRESS: `127.0.0.1:${plane.port}`,
    XDS_ROOT_CA: plane.roots,
    AUTH_TOKEN: 'a-token-nobody-should-see',
    CA_HEADER_X_KEY: 'a-key-nobody-should-see',
    LOG_FORMAT: 'json',
    ADMIN_ADDRESS: `${PAGES.host}:${PAGES.admin}`,
    METRICS_ADDRESS: `${PAGES.host}:${PAGES.metrics}`,
    READINESS_ADDRESS: `${PAGES.host}:${PAGES.readiness}`,
    OUTBOUND_LISTENERS: [
      `shop/storefront@${DIRECT.host}:${DIRECT.port}=127.0.0.1:${echo.port}`,
      `shop/storefront@${MESH.host}:${MESH.port}=ratings:80`,
      `shop/storefront@${REMOTE.host}:${REMOTE.port}=reviews:80`,
    ].join(','),
    ...env,
  });
  await program.written('"message":"serving"');
  return { plane, program };
}

const page = async (port: number, path: string) => (await fetch(`http://${PAGES.host}:${port}${path}`)).text();
const workers = async (): Promise<readonly Worker[]> => JSON.parse(await page(PAGES.admin, '/config_dump')).workers;

async function total(name: string, labels: Record<string, string> = {}): Promise<number> {
  const samples = parseMetrics(await page(PAGES.metrics, '/metrics'));
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

async function openAndTalk(): Promise<Socket> {
  const socket = await connectTo(scope, DIRECT.host, DIRECT.port);
  socket.write('hello');
  await read(socket, 5);
  return socket;
}

/** Round robin is exact only while every worker waits for the next connection. */
async function openOneByOne(count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) sockets.push(await openAndTalk());
  return sockets;
}

/** However it ends. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().once('close', () => resolve()));
}

async function stopped({ child, exited }: Program): Promise<number | null> {
  child.kill('SIGTERM');
  return (await exited).code;
}

/** Three processes start for each; on a machine that is busy with other tests that takes its time. */
describe('a proxy of two worker processes', { timeout: 60_000 }, () => {
  it('carries traffic in both with one discovery stream, one certificate per identity and one metrics page', async () => {
    const { plane, program } = await startTwoWorkers();

    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => exchange(await connectTo(scope, MESH.host, MESH.port), 'hello')),
    );
    const held = await openOneByOne(4);

    expect(answers).toEqual(Array.from({ length: 8 }, () => 'hello'));
    expect(plane.streams).toBe(1);
    expect(plane.tokens).toHaveLength([identity('storefront'), identity('ratings')].length);
    // Each connection ends at its two ends, one after the other.
    for (const reporter of ['source', 'destination'])
      await expect.poll(() => total('istio_tcp_connections_closed_total', { reporter })).toBe(8);
    expect(await total('istio_tcp_connections_opened_total', { reporter: 'source' })).toBe(12);
    expect(await total('istio_tcp_received_bytes_total', { reporter: 'source' })).toBe(12 * 5);
    expect(await total('istio_tcp_sockets_open', { reporter: 'source' })).toBe(4);
    expect(await total('isthmus_proxy_info')).toBe(1);
    expect(await total('isthmus_workers', { state: 'serving' })).toBe(2);
    expect((await workers()).map(({ openConnections }) => openConnections)).toEqual([2, 2]);
    expect(await page(PAGES.readiness, '/healthz/ready')).toBe('ready\n');
    expect(JSON.parse(await page(PAGES.admin, '/connections'))).toHaveLength(4);
    for (const { pid } of await workers()) {
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toMatch(/a-(token|key)-nobody-should-see/);
    }
    for (const socket of held) socket.destroy();
    expect(await stopped(program)).toBe(0);
    expect(program.text.stderr).toBe('');
  });

  it('replaces a worker that is killed; the connections of the other go on and no count falls', async () => {
    const { plane } = await startTwoWorkers();
    const sockets = await openOneByOne(4);
    const opened = await total('istio_tcp_connections_opened_total', { reporter: 'source' });
    const [victim] = await workers();
    const heard = sockets.map((socket) => once(socket, 'data').then(String, () => 'reset'));

    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => sockets.filter((socket) => socket.readableEnded || socket.destroyed)).toHaveLength(2);
    const survivors = sockets.flatMap((socket, index) => (socket.destroyed || socket.readableEnded ? [] : [index]));
    for (const index of survivors) sockets[index]?.write('still');

    expect(await Promise.all(survivors.map((index) => heard[index]))).toEqual(['still', 'still']);
    // Its connections are reset before the head has heard of its end.
    await expect.poll(workers).toMatchObject([
      { state: 'serving', restarts: 1 },
      { state: 'serving', restarts: 0 },
    ]);
    expect((await workers())[0]?.pid).not.toBe(victim?.pid);
    const fresh = await openOneByOne(4);
    expect(await total('istio_tcp_connections_opened_total', { reporter: 'source' })).toBe(opened + fresh.length);
    expect(await total('isthmus_worker_restarts_total')).toBe(1);
    expect(await exchange(await connectTo(scope, MESH.host, MESH.port), 'hello')).toBe('hello');
    expect([plane.streams, plane.tokens.length]).toEqual([1, 2]);
  });

  it('asks for destinations on demand: one question for all workers, and each knows the answer', async () => {
    const { workloads, services } = eastRecords(ADDRESSES);
    const name = 'shop/ratings.shop.svc.cluster.local';
    const { plane } = await startTwoWorkers(
      { XDS_ON_DEMAND: 'true' },
      {
        records: { workloads: workloads.filter((each) => each.name === 'storefront') },
        answers: {
          [name]: {
            services: services.filter((each) => each.name === 'ratings'),
            workloads: workloads.filter((each) => each.name === 'ratings'),
          },
        },
      },
    );

    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => exchange(await connectTo(scope, MESH.host, MESH.port), 'hello')),
    );

    expect(answers).toEqual(Array.from({ length: 4 }, () => 'hello'));
    expect(plane.asked.filter((each) => each === name)).toEqual([name]);
    expect(
      await total('istio_tcp_connections_opened_total', {
        reporter: 'source',
        connection_security_policy: 'mutual_tls',
      }),
    ).toBe(4);
    expect(plane.streams).toBe(1);
  });

  it('follows the control plane and the log level in every worker', async () => {
    const { plane, program } = await startTwoWorkers();
    const records = eastRecords(ADDRESSES);

    await fetch(`http://${PAGES.host}:${PAGES.admin}/logging?level=debug`, { method: 'POST' });
    plane.send({ ...records, workloads: records.workloads.map((each) => ({ ...each, healthy: false })) });

    const served = () =>
      Promise.all(
        Array.from({ length: 2 }, async () => {
          const socket = await connectTo(scope, MESH.host, MESH.port);
          return exchange(socket, 'hello').catch(() => 'refused');
        }),
      );
    await expect.poll(served).toEqual(['refused', 'refused']);
    await openOneByOne(2);
    await expect
      .poll(() => program.text.stdout.split('\n').filter((line) => line.includes('connection opened')).length)
      .toBeGreaterThanOrEqual(2);
  });

  it('shows which worker found which gateway out of service', async () => {
    const { program } = await startTwoWorkers();
    const gateway = `${ADDRESSES.gateway}:15008`;

    for (const _ of [1, 2]) await closing(await connectTo(scope, REMOTE.host, REMOTE.port));
    const dump = JSON.parse(await page(PAGES.admin, '/config_dump'));
    const explanation = JSON.parse(await page(PAGES.admin, '/explain?from=shop/storefront&to=reviews:80'));

    const ejected = (worker: number) => expect.objectContaining({ address: gateway, state: 'ejected', worker });
    expect(dump.gatewaysOutOfService).toEqual([ejected(1), ejected(2)]);
    expect(explanation.gatewaysOutOfService).toEqual(dump.gatewaysOutOfService);
    expect(program.text.stderr).toBe('');
  });

  it('shows where the time of a worker goes and what its memory holds', async () => {
    await startTwoWorkers();

    const profile = JSON.parse(await page(PAGES.admin, '/debug/pprof/profile?seconds=1&worker=1'));
    const heap = JSON.parse(await page(PAGES.admin, '/debug/pprof/heap?worker=2'));
    const missing = await fetch(`http://${PAGES.host}:${PAGES.admin}/debug/pprof/heap?worker=3`);

    expect(profile.nodes.length).toBeGreaterThan(0);
    expect(heap.snapshot.node_count).toBeGreaterThan(1_000);
    expect(missing.status).toBe(404);
  });

  it('drains all of them on the first signal, and cuts what is left on the second', async () => {
    const { program } = await startTwoWorkers({ CONNECTION_TERMINATION_DEADLINE: '1h' });
    const sockets = await openOneByOne(2);
    const clients = sockets.map(({ localPort }) => `127.0.0.1:${localPort}`);
    const closed = Promise.all(sockets.map(closing));

    program.child.kill('SIGTERM');
    await expect
      .poll(() => connectTo(scope, DIRECT.host, DIRECT.port).then(String, (error) => error.code))
      .toBe('ECONNREFUSED');
    const open = sockets.filter((socket) => !socket.destroyed).length;
    program.child.kill('SIGTERM');
    await closed;

    expect(open).toBe(2);
    const { code, stdout } = await program.exited;
    expect(code).toBe(0);
    const cut = stdout.split('\n').filter((line) => line.includes('connection closed due to connection drain'));
    expect(clients.filter((client) => cut.some((line) => line.includes(client)))).toEqual(clients);
  });

  it('exits with 1 and the reason when a worker cannot serve', async () => {
    await serveEcho(scope, DIRECT.host, DIRECT.port);

    const { program } = await startTwoWorkers().catch((error: Error) => ({ program: error }));

    expect(String(program)).toMatch(/exited with 1: .*worker \d: OUTBOUND_LISTENERS.*EADDRINUSE/);
  });
});
