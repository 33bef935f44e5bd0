/** A real Envoy on both sides of our waypoint, in the place of our gateway, and in that of our waypoint: docs/interop.md. */
import { getBySocks5, parsePrometheusText, podOf, REQUESTS, serviceHostname, socks5Entry } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessLog, lineWith } from '../support/access-log.js';
import { exchange } from '../support/payload.js';
import { until } from '../support/wait.js';
import { CONNECT_ORIGINATE, INNER_ORIGINATE } from './support/envoy-originate.js';
import { type Envoy, gatewayOf, tlsFilesOf } from './support/envoy-process.js';
import { type EnvoyStage, envoyBaggage, missingForEnvoy, openEnvoyStage, untilServed } from './support/envoy-stage.js';
import { CONNECT_TERMINATE, eastWestGateway } from './support/envoy-terminate.js';
import { echoOnce, getHttp1, getHttp2, smallMessages } from './support/envoy-traffic.js';
import { front as frontOf, waypoint, webServer } from './support/envoy-web.js';
import { authorityOf, HBONE_PORT, hostname, spiffe, WEB } from './support/envoy-world.js';

const MIB = 1024 * 1024;
const GATEWAY = 'west/istio-eastwestgateway';
const WAYPOINT = 'east/waypoint';
const FRONT_PORT = 7100;
/** Names of access logs. */
const FRONT = 'front';
const WEB_LOG = 'web';
const REVIEWS = { host: serviceHostname('reviews'), port: 9080 } as const;

const missing = missingForEnvoy();
if (missing.length > 0) console.warn(`Skipped. To run against a real Envoy, this is missing: ${missing.join('; ')}`);

describe.skipIf(missing.length > 0)('a real Envoy', () => {
  let stage: EnvoyStage;

  beforeAll(async () => {
    stage = await openEnvoyStage();
    await untilServed(stage, 'west', 'far-echo');
    await untilServed(stage, 'east', 'far-echo');
  });

  afterAll(async () => {
    await stage?.close();
  });

  const ourWaypoint = () => stage.lab.world.clusters.east.gateways.find(({ role }) => role === 'waypoint')!;
  /** Of which cluster the reviews are that answered; by east's storefront. Rejects on anything but 200. */
  async function askReviews(): Promise<string> {
    const { status, body } = await getBySocks5(socks5Entry(stage.lab.world, 'east'), REVIEWS, '/reviews/7');
    if (status !== 200) throw new Error(`${status} ${body}`);
    return (JSON.parse(body) as { readonly servedBy: { readonly cluster: string } }).servedBy.cluster;
  }

  /** One after the other by each of `callers`. */
  async function repeatedly<T>(callers: number, times: number, call: () => Promise<T>): Promise<readonly T[]> {
    const caller = async () => {
      const answers: T[] = [];
      for (let left = times; left > 0; left--) answers.push(await call());
      return answers;
    };
    return (await Promise.all(Array.from({ length: callers }, caller))).flat();
  }

  describe('on both sides of our waypoint', () => {
    let front: Envoy;
    let web: Envoy;

    beforeAll(async () => {
      const { lab, addresses } = stage;
      const vip = lab.world.clusters.east.services.find(({ name }) => name === 'reviews')?.vip;
      front = await stage.start(
        'envoy/front',
        frontOf(FRONT, {
          at: { host: addresses.client, port: FRONT_PORT },
          tls: await tlsFilesOf(lab, { cluster: 'east', serviceAccount: 'envoy-client' }),
          waypoint: { host: ourWaypoint().ip, port: HBONE_PORT },
          servers: [spiffe('waypoint')],
          authority: `${vip}:${REVIEWS.port}`,
          baggage: envoyBaggage('envoy-client'),
        }),
      );
      web = await stage.start('envoy/web', webServer(WEB_LOG, addresses.web));
    });

    it('sends 100 requests through it, and the waypoint names both ends', async () => {
      const url = `http://${stage.addresses.client}:${FRONT_PORT}/reviews/7`;

      const answers = await repeatedly(5, 20, async () => (await fetch(url)).status);
      const series = await until('series of the waypoint', async () => {
        const text = await (await fetch(`http://${ourWaypoint().ip}:15020/metrics`)).text();
        const found = parsePrometheusText(text).filter(
          ({ metric, labels }) => metric === REQUESTS && labels.source_principal === spiffe('envoy-client'),
        );
        const sum = found.reduce((total, { value }) => total + value, 0);
        return sum === 100 ? found : undefined;
      });

      expect(answers).toEqual(Array.from({ length: 100 }, () => 200));
      for (const { labels } of series) {
        expect(labels).toMatchObject({
          reporter: 'waypoint',
          response_code: '200',
          source_workload: 'envoy-client',
          source_cluster: 'east',
          destination_service: REVIEWS.host,
          connection_security_policy: 'mutual_tls',
        });
      }
      expect(new Set(series.map(({ labels }) => labels.destination_cluster))).toEqual(new Set(['east', 'west']));
      expect(front.lines(FRONT).filter(({ flags }) => flags !== '-')).toEqual([]);
    });

    it.each([
      ['HTTP/1.1', getHttp1],
      ['HTTP/2', getHttp2],
    ])('is called by it in %s, as the client called, without baggage', async (protocol, get) => {
      const path = `/${protocol}`;

      const body = await until('the web server', async () =>
        get(await stage.connect('east', 'envoy-web', WEB.port), hostname('envoy-web'), path),
      );
      const seen = await lineWith(() => web.lines(WEB_LOG), { path });

      expect(body).toBe('envoy');
      expect(seen).toMatchObject({ protocol, status: 200, baggage: null });
    });
  });

  describe('in the place of our east-west gateway', () => {
    let envoy: Envoy;

    beforeAll(async () => {
      const { lab, addresses } = stage;
      const { ip, serviceAccount, namespace } = gatewayOf(lab, 'west');
      const tls = await tlsFilesOf(lab, { cluster: 'west', serviceAccount, namespace });
      await lab.processes.stop([GATEWAY]);
      envoy = await stage.start(
        'envoy/gateway',
        eastWestGateway({
          ip,
          tls,
          clients: ['storefront', 'reviews', 'waypoint'].map((account) => spiffe(account)),
          backends: {
            [authorityOf('far-echo')]: addresses.ours('west').map(({ host }) => host),
            [`${REVIEWS.host}:${REVIEWS.port}`]: [podOf(lab.world, 'west', 'reviews').ip],
            // By its waypoint: who calls is no waypoint.
            [`${hostname('ratings')}:9080`]: lab.world.clusters.west.gateways
              .filter(({ app }) => app === 'ratings-waypoint')
              .map((each) => each.ip),
          },
          baggage: envoyBaggage('envoy-gateway'),
        }),
      );
      await untilServed(stage, 'east', 'far-echo');
    });

    afterAll(async () => {
      await envoy?.stop();
      await stage?.lab.start(GATEWAY);
      await untilServed(stage, 'east', 'far-echo');
    });

    it('carries 64 MiB both ways at once with half-close to our far ztunnel, and both ends name each other', async () => {
      const socket = await stage.connect('east', 'far-echo');

      const done = await exchange(socket, 64 * MIB, 13);
      socket.destroy();

      expect(done.receivedHash).toBe(done.sentHash);
      const carried = { message: 'connection complete', bytes_sent: 64 * MIB, bytes_recv: 64 * MIB };
      const ends = {
        'src.cluster': 'east',
        'src.identity': spiffe('storefront'),
        'dst.cluster': 'west',
        'dst.identity': spiffe('far-echo'),
        'dst.service': hostname('far-echo'),
      };
      expect(await lineWith(() => accessLog(stage.lab, 'east/ztunnel'), carried)).toMatchObject(ends);
      expect(await lineWith(() => accessLog(stage.lab, 'west/ztunnel'), carried)).toMatchObject(ends);
    });

    it('carries 20,000 small messages', async () => {
      const socket = await stage.connect('east', 'far-echo');

      const { sent, received } = await smallMessages(socket, 20_000);
      socket.destroy();

      expect(received).toBe(sent);
    });

    it('leads our ztunnel to both pods', async () => {
      await repeatedly(4, 10, async () => echoOnce(await stage.connect('east', 'far-echo')));

      const pods = await until('lines of both pods', () => {
        const lines = accessLog(stage.lab, 'east/ztunnel').filter(
          (line) => line['dst.service'] === hostname('far-echo'),
        );
        const names = new Set(lines.map((line) => line['dst.workload']));
        return names.size === 2 ? names : undefined;
      });
      expect(pods).toEqual(new Set(['far-echo-80', 'far-echo-81']));
    });

    it('leads our waypoint to pods of the other network', async () => {
      const clusters = await repeatedly(4, 10, askReviews);

      expect(new Set(clusters)).toEqual(new Set(['east', 'west']));
    });

    it('is told by name and port, by certificate, and by our waypoint that it is one; nobody tells it baggage', async () => {
      const seen = async (peer: string, authority: string) =>
        lineWith(() => envoy.lines(CONNECT_TERMINATE), { peer: spiffe(peer), authority });

      expect(await seen('storefront', authorityOf('far-echo'))).toMatchObject({
        source: null,
        network: null,
        baggage: null,
      });
      expect(await seen('waypoint', `${REVIEWS.host}:${REVIEWS.port}`)).toMatchObject({
        source: 'waypoint',
        baggage: null,
      });
    });

    it('fails its health check under traffic: no new connection fails', async () => {
      await envoy.command('/healthcheck/fail');

      const echoes = repeatedly(4, 15, async () => echoOnce(await stage.connect('east', 'far-echo')));
      const clusters = repeatedly(2, 15, askReviews);

      await expect(echoes).resolves.toHaveLength(60);
      await expect(clusters).resolves.toHaveLength(30);
      await envoy.command('/healthcheck/ok');
    });
  });

  describe('in the place of our waypoint', () => {
    let envoy: Envoy;

    beforeAll(async () => {
      const { lab } = stage;
      const { ip, serviceAccount } = ourWaypoint();
      const gateway = gatewayOf(lab, 'west');
      const tls = await tlsFilesOf(lab, { cluster: 'east', serviceAccount });
      await lab.processes.stop([WAYPOINT]);
      envoy = await stage.start(
        'envoy/waypoint',
        waypoint({
          ip,
          tls,
          baggage: envoyBaggage('envoy-waypoint'),
          clients: [spiffe('storefront')],
          servers: [spiffe('reviews')],
          gateways: [spiffe(gateway.serviceAccount, gateway.namespace)],
          backends: [spiffe('reviews')],
          network: lab.world.clusters.east.network,
          source: 'waypoint',
          endpoints: [
            { listener: CONNECT_ORIGINATE, destination: `${podOf(lab.world, 'east', 'reviews').ip}:9081` },
            {
              listener: INNER_ORIGINATE,
              destination: `${gateway.ip}:${HBONE_PORT}`,
              authority: `${REVIEWS.host}:${REVIEWS.port}`,
            },
          ],
        }),
      );
      await until('the waypoint', askReviews);
    });

    afterAll(async () => {
      await envoy?.stop();
      await stage?.lab.start(WAYPOINT);
    });

    it('serves our ztunnel and calls ours, nearby by one hop and on the other network through our gateway', async () => {
      const clusters = await repeatedly(6, 10, askReviews);
      const calledNearby = await until('its own call', () => envoy.lines(CONNECT_ORIGINATE)[0]);

      expect(new Set(clusters)).toEqual(new Set(['east', 'west']));
      expect(calledNearby).toMatchObject({ peer: spiffe('reviews'), flags: '-' });
    });

    it('is named by our ztunnels at both places, and what our ztunnel told it is at hand', async () => {
      const atEach = (cluster: 'east' | 'west') =>
        until(`a line in ${cluster}`, () =>
          accessLog(stage.lab, `${cluster}/ztunnel`).find(
            (line) => line['src.workload'] === 'envoy-waypoint' && line.direction === 'inbound',
          ),
        );
      const told = await lineWith(() => envoy.lines(CONNECT_TERMINATE), { peer: spiffe('storefront'), status: 200 });

      for (const cluster of ['east', 'west'] as const) {
        expect(await atEach(cluster)).toMatchObject({
          'src.identity': spiffe('waypoint'),
          'dst.identity': spiffe('reviews'),
          'dst.cluster': cluster,
        });
      }
      expect(told.baggage).toContain('k8s.deployment.name=storefront-v1');
    });
  });
});
