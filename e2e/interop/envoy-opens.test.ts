/** A real Envoy opens tunnels to us, single and nested: what is run and what it showed is in docs/interop.md. */
import { connect, type Socket } from 'node:net';
import { OPENED, parsePrometheusText, podOf } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLog, lineWith } from '../support/access-log.js';
import { exchange } from '../support/payload.js';
import { until } from '../support/wait.js';
import {
  CONNECT_ORIGINATE,
  connectOriginate,
  doubleOriginate,
  entry,
  INNER_ORIGINATE,
} from './support/envoy-originate.js';
import { join } from './support/envoy-parts.js';
import { type Envoy, gatewayOf, tlsFilesOf } from './support/envoy-process.js';
import { type EnvoyStage, envoyBaggage, missingForEnvoy, openEnvoyStage, untilServed } from './support/envoy-stage.js';
import { echo, echoOnce, smallMessages } from './support/envoy-traffic.js';
import { authorityOf, ECHO, HBONE_PORT, SMALL, spiffe } from './support/envoy-world.js';

const MIB = 1024 * 1024;
const AT_ONCE = 40;
/** It has two workers, and we allow 200 streams on a connection. */
const MANY = 420;
const CLIENT = spiffe('envoy-client');
/** Where each entry of the client leads, by its port. */
const ENTRY = { near: 7001, denied: 7002, nobody: 7003, stranger: 7004, far: 7005 } as const;
type Entry = keyof typeof ENTRY;

const missing = missingForEnvoy();
if (missing.length > 0) console.warn(`Skipped. To run against a real Envoy, this is missing: ${missing.join('; ')}`);

describe.skipIf(missing.length > 0)('a real Envoy that opens tunnels to us', () => {
  let stage: EnvoyStage;
  let client: Envoy;

  beforeAll(async () => {
    stage = await openEnvoyStage();
    await untilServed(stage, 'west', 'far-echo');
    await untilServed(stage, 'east', 'far-echo');
    client = await stage.start('envoy/client', await clientConfiguration(stage));
    await until('the pod nearby', async () => echoOnce(enter('near')).then(() => true));
  });

  afterAll(async () => {
    await stage?.close();
  });

  const enter = (name: Entry): Socket => {
    const socket = connect({ host: stage.addresses.client, port: ENTRY[name], allowHalfOpen: true });
    // Each use hears of it by what it waits for.
    socket.on('error', () => {});
    return socket;
  };
  const statOf = async (name: string) =>
    (await client.stats(new RegExp(`^${name.replaceAll('.', '\\.')}$`)))[name] ?? 0;
  const line = (proxy: string, wanted: Readonly<Record<string, unknown>>) =>
    lineWith(() => accessLog(stage.lab, proxy), { message: 'connection complete', ...wanted });

  it.each([
    { entry: 'near', proxy: 'east/ztunnel', log: CONNECT_ORIGINATE, service: 'near-echo', cluster: 'east' },
    { entry: 'far', proxy: 'west/ztunnel', log: INNER_ORIGINATE, service: 'far-echo', cluster: 'west' },
  ] as const)('carries 64 MiB both ways at once, and both ends name each other: $entry', async (path) => {
    const socket = enter(path.entry);

    const done = await exchange(socket, 64 * MIB, 11);
    socket.destroy();

    expect(done.receivedHash).toBe(done.sentHash);
    const carried = { bytes_sent: 64 * MIB, bytes_recv: 64 * MIB };
    expect(await line(path.proxy, { ...carried, direction: 'inbound' })).toMatchObject({
      'src.workload': 'envoy-client',
      'src.namespace': 'shop',
      'src.cluster': 'east',
      'src.identity': CLIENT,
      'dst.identity': spiffe(path.service),
    });
    const seen = await lineWith(() => client.lines(path.log), { sent: 64 * MIB, received: 64 * MIB });
    expect(seen.peer).toBe(spiffe(path.service));
    const { headers } = seen.answer as {
      readonly headers: readonly { readonly key: string; readonly value: string }[];
    };
    expect(headers.map(({ key }) => key)).toEqual([':status', 'baggage']);
    expect(headers[1]?.value.split(',')).toEqual(
      expect.arrayContaining([`k8s.cluster.name=${path.cluster}`, `service.name=${path.service}`]),
    );
  });

  it.each(['near', 'far'] as const)('carries 20,000 small messages: %s', async (name) => {
    const socket = enter(name);

    const { sent, received } = await smallMessages(socket, 20_000);
    socket.destroy();

    expect(received).toBe(sent);
  });

  it.each(['near', 'far'] as const)('keeps 40 tunnels open at once: %s', async (name) => {
    const sockets = Array.from({ length: AT_ONCE }, () => enter(name));

    const answers = await Promise.all(sockets.map((socket, index) => echo(socket, `tunnel ${index}`)));
    const done = await Promise.all(sockets.map((socket, index) => exchange(socket, MIB, index)));
    for (const socket of sockets) socket.destroy();

    expect(answers).toEqual(sockets.map((_, index) => `tunnel ${index}`));
    for (const { receivedHash, sentHash } of done) expect(receivedHash).toBe(sentHash);
  });

  it('keeps more tunnels open than we allow on a connection of each of its workers', async () => {
    const sockets = Array.from({ length: MANY }, () => enter('near'));

    const answers = await Promise.all(sockets.map((socket, index) => echo(socket, `tunnel ${index}`)));
    const connections = await statOf(`cluster.${CONNECT_ORIGINATE}.upstream_cx_active`);
    for (const socket of sockets) socket.destroy();

    expect(answers).toEqual(sockets.map((_, index) => `tunnel ${index}`));
    expect(connections).toBeGreaterThanOrEqual(3);
  });

  it('is named in our metrics by its certificate and its baggage', async () => {
    const { ip } = stage.lab.world.clusters.east.ztunnel;
    const series = await until('a series', async () => {
      const text = await (await fetch(`http://${ip}:15020/metrics`)).text();
      return parsePrometheusText(text).find(
        ({ metric, labels }) =>
          metric === OPENED && labels.source_principal === CLIENT && labels.reporter === 'destination',
      );
    });

    expect(series.labels).toMatchObject({
      source_workload: 'envoy-client',
      source_workload_namespace: 'shop',
      source_cluster: 'east',
      source_canonical_service: 'envoy-client',
      source_canonical_revision: 'v1',
      destination_workload: 'near-echo-80',
      connection_security_policy: 'mutual_tls',
    });
  });

  it.each([
    { entry: 'denied', status: '401', fault: 'POLICY_DENY', error: /none allowed: shop\/reviews-callers/ },
    { entry: 'nobody', status: '503', fault: 'CONNECT_FAILED', error: /ECONNREFUSED/ },
  ] as const)(
    'is answered $status where the entry is $entry, and our log names it',
    async ({ entry, status, fault, error }) => {
      const attempt = echoOnce(enter(entry));

      await expect(attempt).rejects.toThrow();
      const seen = await lineWith(() => client.lines(CONNECT_ORIGINATE), { details: `tunnel_response:${status}` });
      const ours = await line('east/ztunnel', { fault, direction: 'inbound' });
      expect(seen.answer).toEqual({ headers: [{ key: ':status', value: status }] });
      expect(ours.error).toMatch(error);
      expect(ours).toMatchObject({ 'src.identity': CLIENT, 'src.workload': 'envoy-client' });
    },
  );

  it('refuses us where we prove another name than it expects, which costs its connection only', async () => {
    const attempt = echoOnce(enter('stranger'));

    await expect(attempt).rejects.toThrow();
    await until(
      'its verdict',
      async () => (await statOf(`cluster.${CONNECT_ORIGINATE}.ssl.fail_verify_san`)) > 0 || undefined,
    );
    await echoOnce(enter('near'));
  });

  it('tells our gateway who it is by its certificate and that it is a sidecar; its baggage stays inside', async () => {
    const gateway = 'west/istio-eastwestgateway';
    const ours = await until('a line of our gateway', () =>
      accessLog(stage.lab, gateway).find((each) => each['src.identity'] === CLIENT),
    );

    expect(ours).toMatchObject({ 'dst.hbone_addr': authorityOf('far-echo'), 'dst.cluster': 'west' });
    expect(ours).not.toHaveProperty(['src.workload']);
    expect(ours).not.toHaveProperty(['src.cluster']);
  });

  it('understands the GOAWAY of our ztunnel that is stopped, and comes back when it does', async () => {
    const open = enter('near');
    await echo(open, 'open');
    const told = `cluster.${CONNECT_ORIGINATE}.upstream_cx_close_notify`;
    const before = await statOf(told);

    await stage.lab.processes.stop(['east/ztunnel'], 10_000);
    await until('its GOAWAY', async () => (await statOf(told)) > before || undefined);
    await stage.lab.start('east/ztunnel');
    open.destroy();

    await until('the pod nearby', async () => echoOnce(enter('near')).then(() => true));
  });

  it('resumes sessions with us, and is known by the same name then', async () => {
    const resumed = await client.stats(/originate\.ssl\.session_reused$/);
    const inbound = accessLog(stage.lab, 'east/ztunnel').filter((each) => each['src.workload'] === 'envoy-client');

    expect(Object.values(resumed).reduce((sum, value) => sum + value, 0)).toBeGreaterThan(0);
    expect(new Set(inbound.map((each) => each['src.identity']))).toEqual(new Set([CLIENT]));
  });

  it('never took what we send for an attack or a mistake', async () => {
    const alarms = await client.stats(
      /http2\.(.*flood|.*error|too_many.*|header_overflow|headers_cb_no_stream|keepalive_timeout)$/,
    );

    expect(Object.keys(alarms).length).toBeGreaterThan(0);
    expect(Object.entries(alarms).filter(([, value]) => value > 0)).toEqual([]);
  });
});

async function clientConfiguration({ lab, addresses }: EnvoyStage) {
  const tls = await tlsFilesOf(lab, { cluster: 'east', serviceAccount: 'envoy-client' });
  const baggage = envoyBaggage('envoy-client');
  const [near] = addresses.ours('east');
  const [far] = addresses.ours('west');
  const gateway = gatewayOf(lab, 'west');
  const single = (name: Entry, destination: string) =>
    entry(name, { host: addresses.client, port: ENTRY[name] }, { listener: CONNECT_ORIGINATE, destination });
  return join(
    connectOriginate({ tls, baggage, servers: [spiffe('near-echo'), spiffe('reviews')], http2: SMALL }),
    doubleOriginate({
      tls,
      baggage,
      servers: [],
      gateways: [spiffe(gateway.serviceAccount, gateway.namespace)],
      backends: [spiffe('far-echo')],
      network: lab.world.clusters.east.network,
      source: 'sidecar',
      http2: { oghttp2: true },
    }),
    single('near', `${near?.host}:${ECHO.targetPort}`),
    // Its policy allows its waypoint only.
    single('denied', `${podOf(lab.world, 'east', 'reviews').ip}:9081`),
    single('nobody', `${near?.host}:9`),
    single('stranger', `${far?.host}:${ECHO.targetPort}`),
    entry(
      'far',
      { host: addresses.client, port: ENTRY.far },
      { listener: INNER_ORIGINATE, destination: `${gateway.ip}:${HBONE_PORT}`, authority: authorityOf('far-echo') },
    ),
  );
}
