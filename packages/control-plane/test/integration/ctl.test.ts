/** `isthmusctl` against a running control plane. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCtl } from '../../src/commands/ctl.js';
import {
  AMBIENT,
  eastWestGateway,
  GLOBAL,
  namespace,
  pod,
  service,
  waypoint,
  waypointPod,
} from '../support/objects.js';
import { openStream, proxyNode, startPlane, type TestPlane } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

let test: TestPlane;
beforeAll(async () => {
  const mesh = (network: string, gateway: string) => [
    namespace('istio-system', { 'topology.istio.io/network': network }),
    namespace('shop', AMBIENT),
    eastWestGateway(network, gateway),
  ];
  const away = service('away', { labels: GLOBAL, spec: { clusterIP: '10.2.0.1' } });
  const kept = service('kept', { spec: { clusterIP: '10.2.0.2' } });
  const idle = service('idle', { labels: GLOBAL, spec: { clusterIP: '10.2.0.3' } });
  const both = (ip: string) => [
    service('both', { labels: { ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' }, spec: { clusterIP: ip } }),
    ...waypoint(),
  ];
  test = await startPlane({
    clusters: {
      east: {
        'a.yaml': [
          ...mesh('network-1', '192.0.2.1'),
          service('web'),
          pod('web-1', { account: 'web' }),
          ...both('10.1.0.3'),
          waypointPod(),
          pod('both-1', { ip: '10.1.1.3' }),
        ],
      },
      west: {
        'b.yaml': [
          ...mesh('network-2', '192.0.2.2'),
          away,
          kept,
          idle,
          pod('away-1', { ip: '10.2.1.1' }),
          ...both('10.2.0.4'),
          waypointPod('waypoint', { ip: '10.2.1.9' }),
          pod('both-1', { ip: '10.2.1.4' }),
          pod('both-2', { ip: '10.2.1.5', ready: false }),
        ],
      },
    },
  });
});
afterAll(() => test.close());

async function ctl(...args: readonly string[]) {
  const out: string[] = [];
  let code = 0;
  const program = createCtl('0', { out: (text) => out.push(text), err: () => {} }, (told) => {
    code = told;
  });
  const address = args.includes('--address') ? [] : ['--address', `127.0.0.1:${test.plane.ports.monitoring}`];
  await program.exitOverride().parseAsync([...args, ...address], { from: 'user' });
  return { text: out.join('\n'), code };
}

async function page(path: string) {
  const response = await fetch(`http://127.0.0.1:${test.plane.ports.monitoring}${path}`);
  return { status: response.status, body: await response.text() };
}

describe('isthmusctl', () => {
  it('explains the way of a connection across networks, and one that would be refused with exit code 3', async () => {
    const led = await ctl('explain', '--from', 'shop/web-1', '--to', 'away.shop.svc.cluster.local:80');
    const refused = await ctl('explain', '--from', 'shop/web-1', '--to', 'idle.shop.svc.cluster.local:80');

    expect(led.text).toMatch(/plan nested: HBONE to 192\.0\.2\.2:15008 .* CONNECT away\.shop\.svc\.cluster\.local:80/);
    expect(led.code).toBe(0);
    expect(refused.text).toMatch(/plan refuse/);
    expect(refused.code).toBe(3);
  });

  it('explains what the waypoint on the way does, and what every cluster has of the service', async () => {
    const { text } = await ctl('explain', '--from', 'shop/web-1', '--to', 'both.shop.svc.cluster.local:80');
    const { text: json } = await ctl(
      'explain',
      '--json',
      '--from',
      'shop/web-1',
      '--to',
      'both.shop.svc.cluster.local:80',
    );

    expect(text).toMatch(/plan tunnel to waypoint: HBONE to 10\.1\.0\.9:15008/);
    expect(text).toMatch(/then, at that waypoint:\neast\/\/Pod\/shop\/waypoint-1 as /);
    expect(text).toMatch(/east +network-1 +yes +yes +1 +1 +1 +50 % +shop\/waypoint\S+ +exported by its label/);
    expect(text).toMatch(/west +network-2 +yes +yes +2 +1 +1 +50 % +shop\/waypoint\S+ +exported by west, through/);
    expect(JSON.parse(json)).toMatchObject({
      next: { steps: [{ what: 'endpoint' }] },
      clusters: [{ cluster: 'east' }, { cluster: 'west', members: { all: 2, ready: 1 } }],
    });
  });

  it('explains that a service is there, and why it is not seen from here', async () => {
    const { text, code } = await ctl('explain', '--from', 'shop/web-1', '--to', 'kept.shop.svc.cluster.local:80');

    expect(text).toMatch(/plan refuse UNKNOWN_DESTINATION/);
    expect(text).toMatch(/west +network-2 +no +no +0 +0 +0 +0 % +- +not exported by west/);
    expect(code).toBe(3);
  });

  it('says who exports what, what is reached from here, and why not', async () => {
    const { text } = await ctl('scope');

    expect(text).toMatch(
      /shop\/away\S+ +west +network-2 +yes +- +yes +exported by west, through the gateways of network-2/,
    );
    expect(text).toMatch(/shop\/kept\S+ +west +network-2 +no +- +no +not exported by west/);
    expect(text).toMatch(
      /shop\/idle\S+ +west +network-2 +yes +- +no +nothing behind it in west is ready and takes HBONE/,
    );
    expect(text).toMatch(/shop\/web\S+ +east +network-1 +no +- +yes +kept: nothing exports it/);
    expect(text).toMatch(/shop\/both\S+ +east +network-1 +yes +- +yes +exported by its label istio.io\/global/);
  });

  it('shows proxies with what they acknowledged, and fails with 3 when one refused what it was sent', async () => {
    const stream = openStream(test, { token: await test.token({}) });
    const agent = { case: 'userAgentVersion', value: '0.1.0' } as const;
    const node = { ...proxyNode(), userAgentName: 'isthmus-proxy', userAgentVersionType: agent };
    stream.send(request(ADDRESS, { node }));
    await stream.accept();

    const well = await ctl('status', '--json');
    stream.send(request(ADDRESS, { resourceNamesSubscribe: ['shop/web.shop.svc.cluster.local'] }));
    const { nonce } = await stream.next();
    stream.send(request(ADDRESS, { responseNonce: nonce, errorDetail: { code: 3, message: 'no good' } }));
    await test.logged(({ reason }) => reason === 'no good');
    const unwell = await ctl('status');

    expect(well.code).toBe(0);
    expect(JSON.parse(well.text)).toMatchObject({
      cluster: 'east',
      peers: [],
      proxies: [{ node: { role: 'ztunnel', version: 'isthmus-proxy 0.1.0' } }],
    });
    expect(unwell.text).toMatch(/ztunnel +isthmus-proxy 0\.1\.0 +Address +rejected +1 of 2 +\d+ +no good/);
    expect(unwell.code).toBe(3);
    await stream.close();
  });

  it('lists services and workloads as ztunnels are told of them', async () => {
    const services = await ctl('services');
    const workloads = await ctl('workloads', '--json');

    expect(services.text).toMatch(/shop\/away\.shop\.svc\.cluster\.local +\S*network-2\/10\.2\.0\.1 +80 +-/);
    expect(services.text).not.toContain('kept');
    expect(JSON.parse(workloads.text)).toContainEqual(expect.objectContaining({ name: 'web-1', network: 'network-1' }));
  });

  it('shows gateways and their versions as istiod does', async () => {
    const labels = { istio: 'ingressgateway' };
    const metadata = { ISTIO_VERSION: '1.30.0', LABELS: labels };
    const node = { ...proxyNode('router'), metadata };
    const stream = openStream(test, { token: await test.token({}) });
    stream.send(request(ADDRESS, { node }));
    await stream.next();

    const rows = JSON.parse((await page('/debug/syncz')).body) as readonly { proxy: string }[];

    expect(rows.find(({ proxy }) => proxy.startsWith('router-1.'))).toMatchObject({
      proxy_type: 'router',
      istio_version: '1.30.0',
      cluster_id: 'east',
    });
    await stream.close();
  });

  it('has pages for what it does not print', async () => {
    const [configz, clusterz, networkz, wrong] = [
      await page('/debug/configz'),
      await page('/debug/clusterz'),
      await page('/debug/networkz'),
      await page('/debug/explain?from=a&to=b:1'),
    ];

    expect(JSON.parse(configz.body)).toMatchObject({ clusterId: 'east' });
    expect(JSON.parse(clusterz.body)).toMatchObject([{ kind: 'local' }, { id: 'west', syncStatus: 'live' }]);
    expect(JSON.parse(networkz.body)).toMatchObject({
      'network-2': [{ address: '192.0.2.2', port: 15008, usable: true }],
    });
    expect(wrong).toEqual({ status: 400, body: 'from: expected namespace/pod\n' });
  });

  it('tells plainly when nobody answers, or the workload is not known', async () => {
    const nobody = ctl('status', '--address', '127.0.0.1:9');
    const unknown = ctl('explain', '--from', 'shop/nobody', '--to', 'a:80');

    await expect(nobody).rejects.toThrow(/cannot ask the control plane at 127\.0\.0\.1:9: .*is it running/);
    await expect(unknown).rejects.toThrow(/answered 404: no workload shop\/nobody of cluster east/);
  });
});
