/** Our proxies, and Istio's ztunnel beside them, under real istiods: what is run and what it showed is in docs/interop.md. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { getBySocks5 } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLog } from '../support/access-log.js';
import { exchange } from '../support/payload.js';
import { until } from '../support/wait.js';
import { type ConnectedProxy, proxiesAtIstiod } from './support/istiod-pages.js';
import { canary, VARIETY } from './support/istiod-variety.js';
import { openIstiods } from './support/istiods.js';
import type { Manifest, Variation } from './support/manifests.js';
import {
  type ConfigDump,
  comparable,
  labelsOf,
  linesBetween,
  matching,
  metricsOf,
  ourConfigDump,
  realConfigDump,
  sumOf,
} from './support/observe.js';
import { callsOn, echo, FROM_REAL, FROM_TS, PATHS } from './support/paths.js';
import { missingDefinitions, missingRequirements } from './support/requirements.js';
import { openStage, type Stage } from './support/stage.js';
import { type ClusterId, ECHO_PORT, OURS, TS_APP, VIP, ZT_APP } from './support/world.js';

const BULK_BYTES = 15 * 1024 * 1024;
const OPEN_TIMEOUT_MS = 300_000;
const ADDRESS = 'type.googleapis.com/istio.workload.Address';
const AUTHORIZATION = 'type.googleapis.com/istio.security.Authorization';

// biome-ignore format: a table
const PROXIES: readonly { readonly proxy: string; readonly cluster: ClusterId; readonly type: string }[] = [
  { proxy: 'ztunnel-east.istio-system', cluster: 'east', type: 'ztunnel' },
  { proxy: 'ztunnel-west.istio-system', cluster: 'west', type: 'ztunnel' },
  { proxy: 'eastwest-east.istio-system', cluster: 'east', type: 'router' },
  { proxy: 'eastwest-west.istio-system', cluster: 'west', type: 'router' },
  { proxy: 'waypoint-east.demo', cluster: 'east', type: 'waypoint' },
  { proxy: 'zt-app.demo', cluster: 'east', type: 'ztunnel' },
];
const OUR_ZTUNNEL = 'ztunnel-east.istio-system';

const TO_ZT = { entry: FROM_TS, host: VIP.zt };
const TO_TS = { entry: FROM_REAL, host: VIP.ts };

function security(kind: string, name: string, spec: object): Manifest {
  return { apiVersion: 'security.istio.io/v1', kind, metadata: { name, namespace: 'demo' }, spec };
}

const STRICT = security('PeerAuthentication', 'strict', { mtls: { mode: 'STRICT' } });
const DENY_ZT = security('AuthorizationPolicy', 'no-zt', {
  selector: { matchLabels: { app: 'ts' } },
  action: 'DENY',
  rules: [{ from: [{ source: { principals: ['cluster.local/ns/demo/sa/zt'] } }] }],
});

const missing = [
  ...missingRequirements(['ISTIOD_BIN', 'KUBE_APISERVER', 'ETCD', 'ZTUNNEL_BIN']),
  ...missingDefinitions(),
];
if (missing.length > 0) console.warn(`Skipped. To run under a real istiod, this is missing: ${missing.join('; ')}`);

describe.skipIf(missing.length > 0)('a real istiod', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage(process.env.ZTUNNEL_BIN ?? '', openIstiods(process.env.ISTIOD_BIN ?? ''));
  }, OPEN_TIMEOUT_MS);

  afterAll(async () => {
    await stage?.close();
  });

  const { connect, echoOnce, entryOf, untilEchoes, untilRefused } = callsOn(() => stage);

  const connected = async (proxy: string, cluster: ClusterId = 'east') =>
    (await proxiesAtIstiod(stage, cluster)).get(proxy);

  const untilConnected = (proxy: string, cluster: ClusterId, isSo: (connected: ConnectedProxy) => boolean) =>
    until(`${proxy} at its istiod`, async () => {
      const found = await connected(proxy, cluster);
      return found && isSo(found) ? found : undefined;
    });

  const untilInSync = (proxy: string, cluster: ClusterId = 'east') =>
    untilConnected(
      proxy,
      cluster,
      ({ subscriptions }) => subscriptions.length === 2 && subscriptions.every(({ acknowledged }) => acknowledged),
    );

  /** Both dumps of east once they have as much of everything. */
  const untilAlike = (isThere: (dump: ConfigDump) => boolean) =>
    until('the same number of resources at both ztunnels', async () => {
      const dumps = [await realConfigDump(stage), await ourConfigDump(stage)] as const;
      const [real, ours] = dumps.map(({ workloads, services, policies }) =>
        [workloads.length, services.length, policies.length].join(),
      );
      return real === ours && isThere(dumps[0]) ? dumps : undefined;
    });

  it.each(PROXIES)('serves $proxy, which acknowledges workloads and policies', async ({ proxy, cluster, type }) => {
    const found = await untilInSync(proxy, cluster);

    expect(found).toMatchObject({ cluster, type });
    expect(found.subscriptions).toEqual([
      { typeUrl: AUTHORIZATION, acknowledged: true },
      { typeUrl: ADDRESS, acknowledged: true },
    ]);
  });

  it('gives our ztunnel a certificate for the pod of its node, by the token of the ztunnel', async () => {
    const { certificates } = await until('a certificate', async () => {
      const dump = await ourConfigDump(stage);
      return dump.certificates.length > 0 ? dump : undefined;
    });

    expect(certificates).toEqual([expect.objectContaining({ identity: TS_APP.identity, state: 'Available' })]);
  });

  it.each(PATHS)('lets them carry 15 MB both ways with half-close: $path', async (path) => {
    await untilEchoes(path);
    const socket = await connect(path);

    const done = await exchange(socket, BULK_BYTES, 7);
    socket.destroy();

    expect(done.receivedBytes).toBe(BULK_BYTES);
    expect(done.receivedHash).toBe(done.sentHash);
  });

  it.each(PATHS)('lets both ends be named in logs and metrics: $path', async ({ ends, reporters }) => {
    for (const [index, reporter] of (['source', 'destination'] as const).entries()) {
      const proxy = reporters[index] ?? '';

      const line = await until(`a line of ${proxy}`, () =>
        linesBetween(stage, proxy, ...ends).find(({ bytes_sent: sent }) => sent === BULK_BYTES),
      );
      const series = await until(`series of ${proxy}`, async () => {
        const labels = { reporter, ...labelsOf(...ends) };
        const found = matching(await metricsOf(stage, proxy), 'istio_tcp_connections_opened_total', labels);
        return found.length > 0 ? found : undefined;
      });

      expect(line).toMatchObject({ bytes_sent: BULK_BYTES, bytes_recv: BULK_BYTES });
      expect(line).not.toHaveProperty('error');
      expect(series[0]?.labels.connection_security_policy).toBe('mutual_tls');
    }
  });

  it.each([
    { path: 'called by the real ztunnel', entry: FROM_REAL, host: VIP.tsWeb, ends: [ZT_APP, TS_APP] as const },
    { path: 'on the way to the real ztunnel', entry: FROM_TS, host: VIP.ztWeb, ends: [TS_APP, ZT_APP] as const },
  ])('leads calls of a service to our waypoint, whose metrics name both ends: $path', async ({ entry, host, ends }) => {
    const answer = await getBySocks5(await entryOf(entry), { host, port: 80 }, '/who');
    const series = await until('a series of the waypoint', async () => {
      const labels = { reporter: 'waypoint', response_code: '200', ...labelsOf(...ends) };
      const found = matching(await metricsOf(stage, 'east/waypoint'), 'istio_requests_total', labels);
      return found.length > 0 ? found : undefined;
    });

    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ name: ends[1].workload, url: '/who' });
    expect(sumOf(series)).toBe(1);
  });

  it('is understood by our ztunnel as by the real one, in every field of every resource', async () => {
    await stage.apply('east', { more: VARIETY });
    const [real, ours] = await untilAlike(
      ({ workloads, services, policies }) =>
        workloads.some(isCanary) &&
        services.some(({ hostname }) => hostname === 'named.example.com') &&
        policies.some(({ name }) => name === 'converted_peer_authentication_strict-port'),
    );

    expect(comparable(ours.workloads)).toEqual(comparable(real.workloads));
    expect(comparable(ours.services)).toEqual(comparable(real.services));
    expect(comparable(ours.policies)).toEqual(comparable(real.policies));
    expect((await untilInSync(OUR_ZTUNNEL)).subscriptions).toEqual([
      { typeUrl: AUTHORIZATION, acknowledged: true },
      { typeUrl: ADDRESS, acknowledged: true },
    ]);
    await stage.apply('east', {});
    await untilAlike(({ workloads, policies }) => policies.length === 0 && !workloads.some(isCanary));
  });

  it.each([
    { where: 'at our ztunnel', way: TO_TS, variation: { more: [DENY_ZT] }, by: 'east/ztunnel', source: ZT_APP },
    { where: 'at the real one', way: TO_ZT, variation: { denyTs: true }, by: 'real/ztunnel', source: TS_APP },
  ] satisfies readonly { variation: Variation; [name: string]: unknown }[])(
    'has a policy enforced $where',
    async ({ way, variation, by, source }) => {
      await untilEchoes(way);

      await stage.apply('east', variation);
      await untilRefused(way);
      const denied = await until(`a line of ${by}`, () =>
        accessLog(stage, by).findLast(({ error }) => /policy|policies/i.test(String(error))),
      );

      expect(denied).toMatchObject({ direction: 'inbound', 'src.identity': source.identity });
      await stage.apply('east', {});
      await untilEchoes(way);
    },
  );

  it('has our ztunnel cut a connection that a policy forbids when it is open already', async () => {
    const open = await connect(TO_TS);
    expect(await echo(open, 'open')).toBe('open');
    // The real ztunnel in between makes an orderly end of our reset.
    const over = Promise.race([once(open, 'end'), once(open, 'close')]);
    const before = accessLog(stage, 'east/ztunnel').length;

    await stage.apply('east', { more: [DENY_ZT] });
    await over;
    open.destroy();
    const line = await until('a line of our ztunnel', () =>
      accessLog(stage, 'east/ztunnel')
        .slice(before)
        .find(({ message, fault }) => message === 'connection complete' && fault === 'POLICY_DENY'),
    );

    expect(line).toMatchObject({ direction: 'inbound', 'src.identity': ZT_APP.identity, bytes_sent: 4, bytes_recv: 4 });
    await stage.apply('east', {});
    await untilEchoes(TO_TS);
  });

  it('has STRICT enforced by our ztunnel: what comes in the clear is refused, what comes by HBONE is not', async () => {
    await stage.restart('east/ztunnel', { INBOUND_PLAINTEXT_TARGETS: `demo/ts-app=${ECHO_PORT}` });
    const plaintext = async () => {
      const { host, port } = await stage.door('ours', OURS.eastZtunnel, 15006);
      const socket = createConnection(port, host);
      try {
        return await echo(socket, 'in the clear');
      } finally {
        socket.destroy();
      }
    };
    await until('plaintext let in', async () => (await plaintext()) === 'in the clear' || undefined);

    await stage.apply('east', { more: [STRICT] });
    const refusal = await until('plaintext refused', () =>
      plaintext().then(
        () => undefined,
        (error: Error) => error,
      ),
    );

    expect(refusal).toBeInstanceOf(Error);
    expect(await echoOnce(TO_TS)).toBe('hello');
    await stage.apply('east', {});
    await until('plaintext let in again', async () => (await plaintext()) === 'in the clear' || undefined);
  });

  it('is told what our ztunnel cannot read, whose last good version stays in force meanwhile', async () => {
    const port = async () => (await ourConfigDump(stage)).workloads.find(isCanary)?.applicationTunnel?.port;
    await stage.apply('east', { more: canary('PROXY/15088') });
    await until('the first version', async () => (await port()) === 15088 || undefined);

    // No port has this number; istiod passes on what it is given.
    await stage.apply('east', { more: canary('PROXY/70000') });
    const { subscriptions } = await untilConnected(OUR_ZTUNNEL, 'east', (proxy) =>
      proxy.subscriptions.some(({ lastError }) => lastError !== undefined),
    );
    const inForce = await port();
    await stage.apply('east', { more: canary('PROXY/15089') });
    await until('the good version', async () => (await port()) === 15089 || undefined);

    expect(inForce).toBe(15088);
    expect(subscriptions.find(({ typeUrl }) => typeUrl === ADDRESS)?.lastError).toMatch(
      /east\/\/Pod\/demo\/canary-1: .*applicationTunnel\.port.*70000/,
    );
    await untilInSync(OUR_ZTUNNEL);
    expect(await echoOnce(TO_ZT)).toBe('hello');
    await stage.apply('east', {});
  });

  it('tells our ztunnel of a pod that is not ready, and when it is again', async () => {
    const statusOfPod = async () =>
      (await ourConfigDump(stage)).workloads.find(({ name }) => name === ZT_APP.workload)?.status;

    await stage.apply('east', { unready: [ZT_APP.workload] });
    await until('the pod unhealthy', async () => (await statusOfPod()) === 'Unhealthy' || undefined);
    const attempt = echoOnce(TO_ZT);

    await expect(attempt).rejects.toThrow();
    await stage.apply('east', {});
    await untilEchoes(TO_ZT);
  });

  it('may be away: what is open and what is new goes on, and our ztunnel comes back with what it holds', async () => {
    const open = await connect(TO_ZT);
    expect(await echo(open, 'open')).toBe('open');

    await stage.stop('east/control-plane');
    const whileAway = await echoOnce(TO_ZT);
    await stage.apply('east', { unready: [ZT_APP.workload] });
    const logged = stage.log('east/control-plane').length;
    await stage.restart('east/control-plane');
    await until('the change', async () => {
      const { workloads } = await ourConfigDump(stage);
      return workloads.find(({ name }) => name === ZT_APP.workload)?.status === 'Unhealthy' || undefined;
    });
    const answer = await echo(open, 'still here');
    open.destroy();

    expect(whileAway).toBe('hello');
    expect(answer).toBe('still here');
    // The one that changed, and another that istiod versions anew when it starts; out of more than a dozen.
    const [ours, real] = await until('both ztunnels back', () => {
      const sent = [OUR_ZTUNNEL, 'zt-app.demo'].map((proxy) =>
        sentFirst(stage.log('east/control-plane').slice(logged), proxy),
      );
      return sent.includes(undefined) ? undefined : sent;
    });
    expect(ours).toBe(real);
    expect(ours).toBeLessThan(5);
    await stage.apply('east', {});
    await untilEchoes(TO_ZT);
  });

  it('tells our gateway of every service, which serves those that it is told to export', async () => {
    const way = { entry: FROM_REAL, host: VIP.remoteInEast };
    for (const exported of ['', 'demo/remote-set.demo.svc.cluster.local, other/*']) {
      await stage.restart('west/gateway', { EXPORTED_SERVICES: exported });
      await untilRefused(way);
    }
    const line = await until('a line of the gateway', () =>
      accessLog(stage, 'west/gateway').findLast(({ fault }) => fault === 'NOT_EXPORTED'),
    );

    await stage.restart('west/gateway', { EXPORTED_SERVICES: 'demo/remote.demo.svc.cluster.local' });
    await untilEchoes(way);

    expect(line.error).toMatch(/^remote\.demo\.svc\.cluster\.local:80 is no exported service/);
  });

  it('is asked by our ztunnel for what it needs, when that subscribes on demand', async () => {
    await stage.restart('east/ztunnel', { XDS_ON_DEMAND: 'true' });
    const { workloads } = await ourConfigDump(stage);
    expect(workloads.map(({ name }) => name)).not.toContain(ZT_APP.workload);

    for (const way of [TO_ZT, TO_TS, { entry: FROM_TS, host: VIP.remoteInEast }]) await untilEchoes(way);
    const web = await getBySocks5(await entryOf(FROM_TS), { host: VIP.ztWeb, port: 80 }, '/on-demand');

    expect(web.status).toBe(200);
    await stage.restart('east/ztunnel');
  });
});

function isCanary({ name }: { readonly name: string }): boolean {
  return name === 'canary-1';
}

/** How many addresses an istiod had for a proxy when it connected; undefined until then. */
function sentFirst(log: string, proxy: string): number | undefined {
  const [, count] = new RegExp(`WDS: PUSH request for node:${proxy} resources:(\\d+)`).exec(log) ?? [];
  return count === undefined ? undefined : Number(count);
}
