/** A real Envoy accepts our tunnels and opens tunnels to us: what is run and what it showed is in docs/interop.md. */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLog, lineWith } from '../support/access-log.js';
import { exchange } from '../support/payload.js';
import { until } from '../support/wait.js';
import type { Envoy } from './support/envoy-process.js';
import {
  type EnvoyStage,
  missingForEnvoy,
  openEnvoyStage,
  RESET,
  startServers,
  untilServed,
} from './support/envoy-stage.js';
import { echo, echoOnce, smallMessages } from './support/envoy-traffic.js';
import { ECHO, hostname, spiffe } from './support/envoy-world.js';

const MIB = 1024 * 1024;
/** More tunnels at once than two connections of four streams can take. */
const AT_ONCE = 40;

const missing = missingForEnvoy();
if (missing.length > 0) console.warn(`Skipped. To run against a real Envoy, this is missing: ${missing.join('; ')}`);

describe.skipIf(missing.length > 0)('a real Envoy that accepts our tunnels', () => {
  let stage: EnvoyStage;
  let servers: Envoy;
  /** Open from the beginning to the end, with nothing but PINGs. */
  let idle: Socket;

  beforeAll(async () => {
    stage = await openEnvoyStage();
    servers = await startServers(stage);
    await untilServed(stage, 'east', 'envoy-server');
    await untilServed(stage, 'east', 'envoy-idle');
    idle = await stage.connect('east', 'envoy-idle');
  });

  afterAll(async () => {
    idle?.destroy();
    await stage?.close();
  });

  const connectMany = (service: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => stage.connect('east', service)));
  const destroyAll = (sockets: readonly Socket[]) => {
    for (const socket of sockets) socket.destroy();
  };
  const statOf = async (name: string) =>
    (await servers.stats(new RegExp(`^${name.replaceAll('.', '\\.')}$`)))[name] ?? 0;

  it('is told who calls by certificate and by baggage, and its own baggage is read', async () => {
    await echoOnce(await stage.connect('east', 'envoy-server'));

    const ip = stage.addresses.ip('east', 60);
    const seen = await lineWith(() => servers.lines('envoy-server'), { status: 200, received: 5, sent: 5 });
    const ours = await lineWith(() => accessLog(stage.lab, 'east/ztunnel'), {
      'dst.service': hostname('envoy-server'),
      message: 'connection complete',
    });

    expect(seen).toMatchObject({
      method: 'CONNECT',
      authority: `${ip}:${ECHO.targetPort}`,
      peer: spiffe('storefront'),
      tls: 'TLSv1.3',
      source: null,
      network: null,
    });
    expect(String(seen.baggage).split(',')).toEqual(
      expect.arrayContaining([
        'k8s.cluster.name=east',
        'k8s.namespace.name=shop',
        'k8s.deployment.name=storefront-v1',
        'service.name=storefront',
      ]),
    );
    expect(seen.forwarded).toMatch(/^for="127\.[\d.]+:\d+";host=envoy-server\.shop\.svc\.cluster\.local$/);
    expect(seen.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(ours).toMatchObject({ 'dst.identity': spiffe('envoy'), 'dst.hbone_addr': `${ip}:${ECHO.targetPort}` });
  });

  it.each([
    ['windows of 256 MiB', 'envoy-server'],
    ['windows of 64 KiB and no table of headers', 'envoy-small'],
    ['its other implementation of HTTP/2', 'envoy-oghttp2'],
    ['four streams per connection', 'envoy-few'],
  ])('carries 64 MiB both ways at once with half-close: %s', async (_, service) => {
    const socket = await stage.connect('east', service);

    const done = await exchange(socket, 64 * MIB, 3);
    socket.destroy();

    expect(done.receivedBytes).toBe(64 * MIB);
    expect(done.receivedHash).toBe(done.sentHash);
  });

  it.each(['envoy-server', 'envoy-small', 'envoy-oghttp2'])(
    'carries 20,000 small messages without a flood: %s',
    async (service) => {
      const socket = await stage.connect('east', service);

      const { sent, received } = await smallMessages(socket, 20_000);
      socket.destroy();

      expect(received).toBe(sent);
    },
  );

  it('shares one connection among many tunnels', async () => {
    const before = await statOf('http.envoy-server.downstream_cx_total');
    const sockets = await connectMany('envoy-server', AT_ONCE);

    const answers = await Promise.all(sockets.map((socket, index) => echo(socket, `tunnel ${index}`)));
    const after = await statOf('http.envoy-server.downstream_cx_total');
    destroyAll(sockets);

    expect(answers).toEqual(sockets.map((_, index) => `tunnel ${index}`));
    expect(after - before).toBeLessThanOrEqual(1);
  });

  it('gets more connections when it allows four streams on each, and nothing waits', async () => {
    const sockets = await connectMany('envoy-few', AT_ONCE);

    const answers = await Promise.all(sockets.map((socket, index) => echo(socket, `tunnel ${index}`)));
    await until(
      'all of them open',
      async () => (await statOf('http.envoy-few.downstream_rq_active')) === AT_ONCE || undefined,
    );
    const connections = await statOf('http.envoy-few.downstream_cx_active');
    const done = await Promise.all(sockets.map((socket, index) => exchange(socket, MIB, index)));
    destroyAll(sockets);

    expect(answers).toEqual(sockets.map((_, index) => `tunnel ${index}`));
    expect(connections).toBeGreaterThanOrEqual(AT_ONCE / 4);
    for (const { receivedHash, sentHash } of done) expect(receivedHash).toBe(sentHash);
  });

  it('sends GOAWAY after every third tunnel, and none of 240 fails', async () => {
    const caller = async () => {
      for (let left = 30; left > 0; left--) await echoOnce(await stage.connect('east', 'envoy-goaway'));
    };

    await Promise.all(Array.from({ length: 8 }, caller));

    expect(await statOf('http.envoy-goaway.downstream_cx_max_requests_reached')).toBeGreaterThan(0);
    expect(await statOf('http.envoy-goaway.downstream_cx_total')).toBeGreaterThanOrEqual(10);
  });

  it.each([
    ['fails its health check', '/healthcheck/fail', 'envoy-server'],
    ['fails its health check, with its other implementation,', '/healthcheck/fail', 'envoy-oghttp2'],
    ['drains its listeners', '/drain_listeners?graceful', 'envoy-server'],
  ])('%s under traffic: open tunnels go on, no new one fails', async (_, command, service) => {
    const open = await connectMany(service, 3);
    await Promise.all(open.map((socket) => echo(socket, 'before')));
    const draining = `http.${service}.downstream_cx_drain_close`;
    const before = await statOf(draining);
    const bulk = exchange(open[0]!, 16 * MIB, 5);

    await servers.command(command);
    const caller = async () => {
      for (let left = 15; left > 0; left--) await echoOnce(await stage.connect('east', service));
    };
    await Promise.all(Array.from({ length: 4 }, caller));

    expect(await statOf(draining)).toBeGreaterThan(before);
    const done = await bulk;
    expect(done.receivedHash).toBe(done.sentHash);
    expect(await echo(open[1]!, 'still here')).toBe('still here');
    destroyAll(open);
    await servers.command('/healthcheck/ok');
  });

  it('hands on the reset of its application, and ours to it', async () => {
    const byApplication = await stage.connect('east', 'envoy-server');
    const failed = new Promise<Error>((resolve) => byApplication.once('error', resolve));
    const byClient = await stage.connect('east', 'envoy-server');
    await echo(byClient, 'hello');
    const before = await statOf('http2.rx_reset');

    byApplication.write(RESET);
    byClient.resetAndDestroy();

    expect((await failed).message).toMatch(/ECONNRESET/);
    await until('a reset', async () => (await statOf('http2.rx_reset')) > before || undefined);
  });

  it.each([
    ['shows the certificate of somebody else', 'envoy-impostor', /proved .*envoy-other; expected .*sa\/envoy$/],
    // Its alert comes when our handshake is over, and is read or overtaken by the end of the connection.
    ['accepts somebody else only', 'envoy-strict', /rejected our certificate/],
  ])('%s: nothing is carried, and our log says why', async (_, service, error) => {
    const attempt = stage.connect('east', service).then(echoOnce);

    await expect(attempt).rejects.toThrow(/SOCKS5 reply/);
    const line = await lineWith(() => accessLog(stage.lab, 'east/ztunnel'), {
      'dst.service': hostname(service),
      message: 'connection complete',
    });
    expect(line.error).toMatch(error);
    expect(servers.lines(service)).toEqual([]);
  });

  it.each([
    ['denies by its RBAC filter', 'envoy-rbac', 'POLICY_DENY', 403, /not allowed/],
    ['does not reach its application', 'envoy-dead', 'TUNNEL_REFUSED', 503, /general failure/],
  ])('%s: our client is told so, our log says why', async (_, service, fault, status, reply) => {
    const attempt = stage.connect('east', service);

    await expect(attempt).rejects.toThrow(reply);
    const line = await lineWith(() => accessLog(stage.lab, 'east/ztunnel'), {
      'dst.service': hostname(service),
      fault,
    });
    expect(line.error).toContain(String(status));
    await lineWith(() => servers.lines(service), { status });
  });

  it('has its PINGs answered for as long as a tunnel is idle', async () => {
    expect(await echo(idle, 'still here')).toBe('still here');
    expect(await statOf('http2.keepalive_timeout')).toBe(0);
  });

  it('never took what we send for an attack or a mistake', async () => {
    const alarms = await servers.stats(/http2\.(.*flood|.*error|too_many.*|header_overflow|headers_cb_no_stream)$/);

    expect(Object.keys(alarms)).toEqual(
      expect.arrayContaining(['http2.outbound_control_flood', 'http2.inbound_window_update_frames_flood']),
    );
    expect(Object.entries(alarms).filter(([, value]) => value > 0)).toEqual([]);
    expect(await statOf('http2.nghttp2_downstream_connections')).toBeGreaterThan(0);
    expect(await statOf('http2.oghttp2_downstream_connections')).toBeGreaterThan(0);
  });
});
