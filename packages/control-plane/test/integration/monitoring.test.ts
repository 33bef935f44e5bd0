import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRequest } from '../support/csr.js';
import { AMBIENT, namespace, pod } from '../support/objects.js';
import { openStream, proxyNode, requestCertificate, startPlane, type TestPlane } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

let test: TestPlane;
beforeAll(async () => {
  test = await startPlane({
    clusters: {
      east: { 'a.yaml': [namespace('shop', AMBIENT), pod('a-1', { ready: false })] },
      west: { 'a.yaml': 'a: [' },
    },
  });
});
afterAll(() => test.close());

const get = (path: string, listener: 'monitoring' | 'readiness' = 'monitoring', method = 'GET') =>
  fetch(`http://127.0.0.1:${test.plane.ports[listener]}${path}`, { method });

describe('pages for probes and people', () => {
  it('is ready although a remote source is broken', async () => {
    const [probe, page] = [await get('/healthz/ready', 'readiness'), await get('/healthz/ready')];

    expect([probe.status, await probe.text(), page.status]).toEqual([200, 'ready\n', 200]);
  });

  it('shows sources with their problems, and proxies with what they hold', async () => {
    const client = openStream(test, { token: await test.token({}) });
    client.send(request(ADDRESS, { node: proxyNode() }));
    await client.accept();

    const status = (await (await get('/debug/status')).json()) as Record<string, unknown>;

    expect(status).toMatchObject({
      cluster: 'east',
      trustDomain: 'cluster.local',
      sources: [
        { cluster: 'east', isLocal: true, network: 'network-1', state: 'live', generation: 1, problems: [] },
        {
          cluster: 'west',
          isLocal: false,
          network: 'network-2',
          state: 'empty',
          generation: 0,
          problems: [{ severity: 'error' }],
        },
      ],
      proxies: [
        {
          id: 'ztunnel-1.istio-system-1',
          identity: 'spiffe://cluster.local/ns/istio-system/sa/ztunnel',
          types: [{ typeUrl: ADDRESS, held: 1 }],
        },
      ],
    });
    await client.close();
  });

  it('dumps what each kind of proxy is sent, with the versions it travels under', async () => {
    const dump = (await (await get('/debug/config_dump')).json()) as Record<string, { workloads: unknown[] }>;

    expect(Object.keys(dump)).toEqual(['ztunnel', 'waypoint', 'router', 'ingress']);
    expect(dump.ztunnel?.workloads).toMatchObject([
      { name: 'a-1', uid: 'east//Pod/shop/a-1', version: expect.stringMatching(/^[0-9a-f]{16}$/), healthy: false },
    ]);
    expect(dump.router?.workloads).toEqual([]);
  });

  it('counts under the names of istiod', async () => {
    await requestCertificate(test, { csr: (await makeRequest()).csr, token: await test.token({}) });
    await requestCertificate(test, { csr: (await makeRequest()).csr }).catch(() => {});

    const text = await (await get('/metrics')).text();

    expect(text).toContain('citadel_server_csr_count 2');
    expect(text).toContain('citadel_server_success_cert_issuance_count 1');
    expect(text).toContain('citadel_server_authentication_failure_count 1');
    expect(text).toMatch(/pilot_xds \d/);
    expect(text).toContain('isthmus_source_problems{cluster="west",severity="error"} 1');
    expect(text).toContain('pilot_xds_pushes{type="wds"} 1');
  });

  it('answers what it does not have with what it has', async () => {
    const [missing, wrong] = [await get('/nothing'), await get('/metrics', 'monitoring', 'POST')];

    expect([missing.status, await missing.text()]).toEqual([
      404,
      'no such page; there are /healthz/ready, /metrics, /debug/status, /debug/config_dump, /debug/syncz, /debug/configz, /debug/clusterz, /debug/networkz, /debug/scope, /debug/explain\n',
    ]);
    expect(wrong.status).toBe(405);
  });
});
