/** Istio's own ztunnel against everything of ours: what is run and what it showed is in docs/interop.md. */
import { getBySocks5 } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLog } from '../support/access-log.js';
import { exchange } from '../support/payload.js';
import { until } from '../support/wait.js';
import { DENY_POLICY } from './support/manifests.js';
import {
  certificateSerials,
  controlPlaneMetrics,
  labelsOf,
  linesBetween,
  matching,
  metricsOf,
  ourConfigDump,
  proxiesAtControlPlane,
  realConfigDump,
  sumOf,
} from './support/observe.js';
import { callsOn, echo, FROM_REAL, FROM_REMOTE, FROM_TS, PATHS } from './support/paths.js';
import { missingRequirements } from './support/requirements.js';
import { openStage, type Stage } from './support/stage.js';
import { ECHO_PORT, REMOTE_APP, TS_APP, VIP, ZT_APP } from './support/world.js';

const BULK_BYTES = 15 * 1024 * 1024;
const OPENED = 'istio_tcp_connections_opened_total';
const REQUESTS = 'istio_requests_total';

const missing = missingRequirements(['ZTUNNEL_BIN']);
if (missing.length > 0) console.warn(`Skipped. To run against a real ztunnel, this is missing: ${missing.join('; ')}`);

describe.skipIf(missing.length > 0)('a real ztunnel', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage(process.env.ZTUNNEL_BIN ?? '');
  });

  afterAll(async () => {
    await stage?.close();
  });

  const { entryOf, connect, echoOnce, untilEchoes, untilRefused } = callsOn(() => stage);

  const realAtControlPlane = async () =>
    (await proxiesAtControlPlane(stage)).find(({ identity }) => identity === ZT_APP.identity);

  const realInSync = () =>
    until('the real ztunnel in sync', async () => {
      const status = await realAtControlPlane();
      return status?.types.length === 2 && status.types.every(({ state }) => state === 'synced') ? status : undefined;
    });

  it('becomes ready under our control plane and accepts workloads and policies', async () => {
    const status = await realInSync();

    expect(status.types.map(({ typeUrl }) => typeUrl).sort()).toEqual([
      'type.googleapis.com/istio.security.Authorization',
      'type.googleapis.com/istio.workload.Address',
    ]);
    for (const type of status.types) expect(type).not.toHaveProperty('lastRejection');
    expect(matching(await controlPlaneMetrics(stage), 'pilot_total_xds_rejects', {})).toEqual([]);
    const { workloads } = await realConfigDump(stage);
    expect(workloads.map(({ name }) => name)).toEqual(expect.arrayContaining(['zt-app', 'ts-app', 'waypoint-east']));
  });

  it.each(PATHS)('carries 15 MB both ways with half-close: $path', async (path) => {
    const socket = await connect(path);

    const done = await exchange(socket, BULK_BYTES, 7);
    socket.destroy();

    expect(done.receivedBytes).toBe(BULK_BYTES);
    expect(done.receivedHash).toBe(done.sentHash);
  });

  it.each(PATHS)('is named, and names the other end, in logs and metrics: $path', async ({ ends, reporters }) => {
    for (const [index, reporter] of (['source', 'destination'] as const).entries()) {
      const proxy = reporters[index] ?? '';

      const line = await until(`a line of ${proxy}`, () => linesBetween(stage, proxy, ...ends).at(-1));
      const series = await until(`series of ${proxy}`, async () => {
        const found = matching(await metricsOf(stage, proxy), OPENED, { reporter, ...labelsOf(...ends) });
        return found.length > 0 ? found : undefined;
      });

      expect(line).toMatchObject({ bytes_sent: BULK_BYTES, bytes_recv: BULK_BYTES });
      expect(line).not.toHaveProperty('error');
      expect(sumOf(series)).toBeGreaterThan(0);
      expect(series[0]?.labels.connection_security_policy).toBe('mutual_tls');
    }
  });

  it('is reached on another network by the name of its pod, and reaches a pod there by the address that the name has here', async () => {
    const far = 'remote-app.remote-set.demo.svc.cluster.local';
    const { services } = await realConfigDump(stage);
    const vip = services.find(({ hostname }) => hostname === far)?.vips.find((each) => each.startsWith('net-a/')) ?? '';

    expect(vip).toMatch(/^net-a\/240\.240\./);
    const named = { entry: FROM_REMOTE, host: 'zt-app.zt-set.demo.svc.cluster.local' };
    expect(await echoOnce(named, ECHO_PORT)).toBe('hello');
    expect(await echoOnce({ entry: FROM_REAL, host: vip.slice('net-a/'.length) }, ECHO_PORT)).toBe('hello');
  });

  it('got its certificate from our CA', async () => {
    const { certificates } = await realConfigDump(stage);

    expect(certificates).toEqual([expect.objectContaining({ identity: ZT_APP.identity, state: 'Available' })]);
  });

  it.each(PATHS.filter(({ gateway }) => gateway))(
    'tells our gateway who it is by certificate only; the gateway takes no baggage: $path',
    async ({ gateway = '', ends: [source] }) => {
      const lines = await until(`lines of ${gateway}`, () => {
        const found = accessLog(stage, gateway).filter((line) => line['src.identity'] === source.identity);
        return found.length > 0 ? found : undefined;
      });
      const series = (await metricsOf(stage, gateway)).filter(({ metric }) => metric.startsWith('isthmus_gateway_'));

      for (const line of lines) {
        expect(line).not.toHaveProperty(['src.workload']);
        expect(line).not.toHaveProperty(['src.cluster']);
      }
      expect(series.map(({ labels }) => labels.source_principal)).toContain(source.identity);
      for (const { labels } of series) expect(labels).not.toHaveProperty('source_workload');
    },
  );

  it.each([
    { path: 'called by the real ztunnel', entry: FROM_REAL, host: VIP.tsWeb, ends: [ZT_APP, TS_APP] as const },
    { path: 'on the way to the real ztunnel', entry: FROM_TS, host: VIP.ztWeb, ends: [TS_APP, ZT_APP] as const },
  ])('is served by our waypoint, whose metrics name both ends: $path', async ({ entry, host, ends }) => {
    const proxy = await entryOf(entry);

    const answer = await getBySocks5(proxy, { host, port: 80 }, '/who');
    const series = await until('a series of the waypoint', async () => {
      const labels = { reporter: 'waypoint', response_code: '200', ...labelsOf(...ends) };
      const found = matching(await metricsOf(stage, 'east/waypoint'), REQUESTS, labels);
      return found.length > 0 ? found : undefined;
    });

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ name: ends[1].workload, url: '/who' });
    expect(JSON.parse(answer.body).headers).not.toHaveProperty('baggage');
    expect(sumOf(series)).toBe(1);
  });

  it('answers 401 where a policy of our control plane denies, and our log says so with a reason', async () => {
    const path = { entry: FROM_TS, host: VIP.zt };
    await untilEchoes(path);

    await stage.apply('east', { denyTs: true });
    const refusal = await untilRefused(path);
    const line = await until('a line of our ztunnel', () =>
      accessLog(stage, 'east/ztunnel').findLast(({ fault }) => fault === 'POLICY_DENY'),
    );
    const denied = await until('a line of the real ztunnel', () =>
      accessLog(stage, 'real/ztunnel').findLast(({ error }) => String(error).includes(DENY_POLICY)),
    );

    expect(refusal.message).toMatch(/not allowed by the rules/);
    expect(line).toMatchObject({ direction: 'outbound', 'dst.workload': 'zt-app', 'dst.cluster': 'east' });
    expect(line.error).toMatch(/401.*policy/);
    expect(line.hint).toMatch(/AuthorizationPolicy/);
    expect(denied).toMatchObject({ direction: 'inbound', 'src.identity': TS_APP.identity });

    await stage.apply('east', {});
    await untilEchoes(path);
  });

  it('is told of a pod that is not ready any more, and when it is again', async () => {
    const path = { entry: FROM_REAL, host: VIP.ts };
    const statusOfPod = async () =>
      (await realConfigDump(stage)).workloads.find(({ name }) => name === TS_APP.workload)?.status;
    expect(await statusOfPod()).toBe('Healthy');

    await stage.apply('east', { unready: [TS_APP.workload] });
    await until('the pod unhealthy', async () => (await statusOfPod()) === 'Unhealthy' || undefined);
    const attempt = echoOnce(path);

    await expect(attempt).rejects.toThrow();
    await stage.apply('east', {});
    await untilEchoes(path);
  });

  it('loses what leads to another network when nothing there is ready, and gets it again', async () => {
    const path = { entry: FROM_REAL, host: VIP.remoteInEast };
    const behindGateway = async () =>
      (await realConfigDump(stage)).workloads.filter(({ networkGateway }) => networkGateway !== undefined);
    // The service, the headless one, and its pod by its name.
    expect(await behindGateway()).toHaveLength(3);

    await stage.apply('west', { unready: [REMOTE_APP.workload] });
    await until('the record gone', async () => (await behindGateway()).length === 0 || undefined);
    const attempt = echoOnce(path);

    await expect(attempt).rejects.toThrow();
    await stage.apply('west', {});
    await untilEchoes(path);
  });

  it('comes back to a restarted control plane with what it holds, and is sent nothing again', async () => {
    const before = await realInSync();
    const open = await connect({ entry: FROM_REAL, host: VIP.ts });
    expect(await echo(open, 'open')).toBe('open');
    const sent = async () => sumOf(matching(await controlPlaneMetrics(stage), 'isthmus_xds_resources_sent_total', {}));
    expect(await sent()).toBeGreaterThan(0);

    await stage.restart('east/control-plane');
    const after = await realInSync();
    await until('all proxies back', async () => (await proxiesAtControlPlane(stage)).length === 4 || undefined);
    const answer = await echo(open, 'still here');
    open.destroy();

    expect(after.connectedAt).toBeGreaterThan(before.connectedAt);
    expect(await sent()).toBe(0);
    expect(answer).toBe('still here');
    await untilEchoes({ entry: FROM_TS, host: VIP.zt });
  });

  it('finds what it needs by asking for it, when it subscribes on demand', async () => {
    // What runs on its own node it does not ask for; the control plane sends it by this name.
    await stage.restart('real/ztunnel', { XDS_ON_DEMAND: 'true', NODE_NAME: 'n-z' });
    const modes = async () => (await realAtControlPlane())?.types.map(({ mode }) => mode).sort();
    await until('the real ztunnel on demand', async () => (await modes())?.[0] === 'on-demand' || undefined);

    // Ready means that policies are there; on demand it does not wait for workloads.
    for (const path of PATHS) await untilEchoes(path);

    expect(await modes()).toEqual(['on-demand', 'wildcard']);
    await stage.restart('real/ztunnel');
  });

  it('renews certificates while connections go on, as ours does', async () => {
    // A certificate counts from two minutes before its issue and is renewed at half of its life: the real one's
    // in fifteen seconds, ours in about ten, which leaves no certificate of the start valid for new connections of ours.
    await stage.restart('real/ztunnel', { SECRET_TTL: '150s' });
    await stage.restart('east/ztunnel', { SECRET_TTL: '20s' });
    const paths = PATHS.filter(({ gateway }) => !gateway);
    for (const path of paths) await untilEchoes(path);
    const sockets = await Promise.all(paths.map((path) => connect(path)));
    const serials = async () =>
      (await Promise.all([realConfigDump(stage), ourConfigDump(stage)])).map(certificateSerials);
    const first = await serials();

    for (const round of [1, 2]) {
      const last = await serials();
      await until(
        `renewal ${round} at both`,
        async () => (await serials()).every((each, index) => each !== last[index]) || undefined,
        60_000,
      );
      for (const socket of sockets) expect(await echo(socket, `round ${round}`)).toBe(`round ${round}`);
      for (const path of paths) expect(await echoOnce(path)).toBe('hello');
    }

    expect(first.every((serial) => serial !== '')).toBe(true);
    for (const socket of sockets) socket.destroy();
  });
});
