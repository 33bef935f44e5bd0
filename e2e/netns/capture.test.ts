/** A lab in network namespaces: nobody in a pod knows of the mesh, and everything that leaves or enters one is carried by it. */
import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  findPrograms,
  type Lab,
  missingForLab,
  plainClients,
  podOf,
  type RunResult,
  runOnce,
  serviceAddress,
  silentProgress,
  startLab,
} from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineWith } from '../support/access-log.js';
import { until } from '../support/wait.js';
import {
  type Format,
  HAND_OVER,
  INSTALLED,
  inNamespace,
  type Mode,
  type PodZtunnel,
  printedRules,
  serveGreeting,
  storefrontZtunnel,
  withoutKoffi,
} from './support.js';

const missing = missingForLab(findPrograms().proxy);
if (missing.length > 0) process.stderr.write(`capture in network namespaces: skipped, needs ${missing.join('; ')}\n`);

const TWO_WORKERS = { ZTUNNEL_WORKER_THREADS: '2' };

const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { mtls: { mode: STRICT } }
`;

describe.skipIf(missing.length > 0)('pods in network namespaces', () => {
  const clients = plainClients(findPrograms());
  let lab: Lab;
  let ztunnel: PodZtunnel;
  /** Of east's storefront. */
  let pod: string;
  let podIp: string;
  /** East's network: outside of every pod, and of the mesh. */
  let network: string;

  beforeAll(async () => {
    lab = await startLab({ ground: 'netns', logLevel: 'debug' });
    ztunnel = storefrontZtunnel(lab);
    const { east } = lab.world.clusters;
    const storefront = podOf(lab.world, 'east', 'storefront');
    pod = lab.namespaceOf(east, storefront)!;
    podIp = storefront.ip;
    network = lab.namespaceOf(east)!;
  });
  afterAll(async () => {
    await lab?.close();
  });

  const reviews = () => clients.curl(pod, 'http://reviews.shop:9080/reviews/42');
  /** A page that needs nobody else: after its ztunnel was away, a gRPC channel of storefront waits before it connects again. */
  const fromOutside = () => clients.curl(network, `http://${podIp}:8080/healthz`);

  describe('with the whole traffic of a lab', () => {
    let result: RunResult;
    beforeAll(async () => {
      result = await runOnce(lab, 24, silentProgress, new AbortController().signal);
    });

    it('curl and a TCP client cross the networks, and nothing else does', () => {
      expect(result.failures).toEqual([]);
    });

    it('every reporter names both ends', () => {
      expect(result).toMatchObject({ ok: true, unknown: [], missing: [], wrong: [] });
    });
  });

  it('a server that speaks first is heard by a client that waits, across networks', async () => {
    const { west } = lab.world.clusters;
    const ledger = podOf(lab.world, 'west', 'ledger');
    await lab.kill('west/ledger');
    const stop = await serveGreeting(lab.namespaceOf(west, ledger)!, ledger.listenPort, '220 ready\n');

    const heard = await clients.lines(pod, serviceAddress('ledger'), 'QUIT\n').finally(stop);
    await lab.start('west/ledger');

    expect(heard).toBe('220 ready\nQUIT\n');
  });

  interface Way {
    readonly way: string;
    readonly format: Format;
    readonly mode: Mode;
    /** How original destinations are found out. */
    readonly by: string;
    readonly env: Readonly<Record<string, string>>;
    readonly launcher?: string;
  }
  const redirect = { mode: 'redirect', by: 'SO_ORIGINAL_DST', env: {} } as const;
  const tproxy = { mode: 'tproxy', by: 'local address', env: {} } as const;
  const WAYS: readonly Way[] = [
    { way: 'REDIRECT by nft', format: 'nft', ...redirect },
    { way: 'REDIRECT by nft, without koffi', format: 'nft', ...redirect, by: 'conntrack', env: withoutKoffi() },
    { way: 'REDIRECT by iptables', format: 'iptables', ...redirect },
    { way: 'TPROXY by nft', format: 'nft', ...tproxy },
    { way: 'TPROXY by iptables', format: 'iptables', ...tproxy },
    { way: 'TPROXY, listeners handed over', format: 'nft', ...tproxy, launcher: HAND_OVER },
    { way: 'REDIRECT, for two workers', format: 'nft', ...redirect, env: TWO_WORKERS },
    { way: 'TPROXY, for two workers', format: 'nft', ...tproxy, env: TWO_WORKERS },
    {
      way: 'TPROXY, handed to two workers',
      format: 'nft',
      ...tproxy,
      launcher: HAND_OVER,
      env: TWO_WORKERS,
    },
  ];
  const possible = WAYS.filter(({ format }) => INSTALLED.includes(format));

  describe.each(possible)('captured by $way', ({ format, mode, by, env, launcher }) => {
    beforeAll(async () => {
      // First of all, so that its connections end under the rules they were captured by: without them nobody hears of it.
      await ztunnel.stop();
      for (const installed of INSTALLED) inNamespace(pod, ['sh'], printedRules('--format', installed, '--delete'));
      inNamespace(pod, ['sh'], printedRules('--format', format, '--mode', mode));
      await ztunnel.start({ INTERCEPTION_MODE: mode.toUpperCase(), ...env }, launcher);
    });

    it('what leaves the pod goes where it was going', async () => {
      const page = await reviews();

      expect(JSON.parse(page)).toMatchObject({ servedBy: { cluster: expect.stringMatching(/east|west/) } });
      await lineWith(ztunnel.lines, { message: 'intercepting connections', by });
      const line = await lineWith(ztunnel.lines, {
        direction: 'outbound',
        'dst.service': 'reviews.shop.svc.cluster.local',
      });
      expect(line['src.addr']).toContain(`${podIp}:`);
    });

    it('plaintext that enters the pod reaches the port it was going to', async () => {
      const page = await fromOutside();

      expect(JSON.parse(page)).toMatchObject({ servedBy: { cluster: 'east' } });
      const line = await lineWith(ztunnel.lines, { direction: 'inbound' });
      expect(line['dst.addr']).toBe(`${podIp}:8080`);
    });

    it('who calls the listener itself is refused', async () => {
      const called = clients.lines(pod, { host: '127.0.0.1', port: 15001 }, 'hello\n');

      await expect(called).rejects.toThrow(/ECONNRESET/);
      const line = await lineWith(ztunnel.lines, { fault: 'RECURSIVE_CALL' });
      expect(String(line.error)).toContain('127.0.0.1:15001');
    });

    it('what the proxy serves itself is reached without it', async () => {
      const ready = await clients.curl(network, `http://${podIp}:15021/healthz/ready`);

      expect(ready).toMatch(/ready/i);
    });
  });

  it('STRICT mTLS refuses plaintext at the pod, and not what comes through the mesh', async () => {
    const file = join(lab.files.manifests(lab.world.clusters.east), 'strict.yaml');
    writeFileSync(file, STRICT);
    try {
      const refused = await until('plaintext to be refused', () =>
        fromOutside().then(
          () => undefined,
          (error: Error) => error.message,
        ),
      );

      // The reset may come before curl has seen that it was connected.
      expect(refused).toMatch(/reset|Empty reply|Failed to connect/i);
      await lineWith(ztunnel.lines, { direction: 'inbound', fault: 'POLICY_DENY' });
      expect(JSON.parse(await reviews())).toHaveProperty('servedBy');
    } finally {
      unlinkSync(file);
    }
    await until('plaintext to be taken again', () => fromOutside().catch(() => undefined));
  });

  it('without rules nothing is captured: names of the mesh lead nowhere', async () => {
    for (const installed of INSTALLED) inNamespace(pod, ['sh'], printedRules('--format', installed, '--delete'));

    await expect(clients.curl(pod, 'http://reviews.shop:9080/reviews/42')).rejects.toThrow(/curl/);
  });
});
