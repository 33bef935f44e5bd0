/** Capture and HBONE on a network without IPv4: the rules of both modes, original destinations, addresses in brackets. */
import { findPrograms, missingForLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LogLine, lineWith } from '../support/access-log.js';
import { until } from '../support/wait.js';
import { CLIENT, type Ipv6Stage, openIpv6Stage, PORT, type PodName, SERVER, VIP } from './ipv6-stage.js';
import { type Format, INSTALLED, inNamespace, type Mode, printedRules, withoutKoffi } from './support.js';

const missing = missingForLab(findPrograms().proxy);
if (missing.length > 0) process.stderr.write(`IPv6 in network namespaces: skipped, needs ${missing.join('; ')}\n`);

interface Way {
  readonly way: string;
  readonly format: Format;
  readonly mode: Mode;
  /** How original destinations are found out. */
  readonly by: string;
  readonly env?: Readonly<Record<string, string>>;
}
const redirect = { mode: 'redirect', by: 'SO_ORIGINAL_DST' } as const;
const tproxy = { mode: 'tproxy', by: 'local address' } as const;
const WAYS: readonly Way[] = [
  { way: 'REDIRECT by nft', format: 'nft', ...redirect },
  { way: 'REDIRECT by nft, without koffi', format: 'nft', ...redirect, by: 'conntrack', env: withoutKoffi() },
  { way: 'REDIRECT by ip6tables', format: 'iptables', ...redirect },
  { way: 'TPROXY by nft', format: 'nft', ...tproxy },
  { way: 'TPROXY by ip6tables', format: 'iptables', ...tproxy },
  { way: 'TPROXY, for two workers', format: 'nft', ...tproxy, env: { ZTUNNEL_WORKER_THREADS: '2' } },
];

describe.skipIf(missing.length > 0)('pods that have IPv6 alone', () => {
  let stage: Ipv6Stage;
  beforeAll(async () => {
    stage = await openIpv6Stage();
  });
  afterAll(async () => {
    await stage?.close();
  });

  function lay(pod: PodName, format: Format, mode: Mode): void {
    const namespace = stage.namespaceOf(pod);
    for (const each of INSTALLED) inNamespace(namespace, ['sh'], printedRules('--format', each, '--delete'));
    // The control plane beside the server is no part of the pod.
    const options = ['--format', format, '--mode', mode, '--exclude-inbound-ports', '15012,15020,15021'];
    inNamespace(namespace, ['sh'], printedRules(...options));
  }

  const lineOf = (pod: PodName, wanted: LogLine) => lineWith(() => stage.lines(pod), wanted);

  describe.each(WAYS.filter(({ format }) => INSTALLED.includes(format)))('captured by $way', (chosen) => {
    const { format, mode, by, env = {} } = chosen;
    beforeAll(async () => {
      for (const pod of ['client', 'server'] as const) lay(pod, format, mode);
      await stage.restartZtunnels({ INTERCEPTION_MODE: mode.toUpperCase(), ...env });
    });

    it('a service is reached by its address, through HBONE, and both ends are named', async () => {
      const caller = await stage.curl('client', `http://[${VIP}]:${PORT.service}/`);

      expect(caller).toBe(SERVER.ip);
      await lineOf('client', { message: 'intercepting connections', by });
      expect(await lineOf('client', { direction: 'outbound', message: 'connection complete' })).toMatchObject({
        'src.addr': expect.stringMatching(/^\[fd00:15::a\]:\d+$/),
        'dst.addr': `[${SERVER.ip}]:15008`,
        'dst.hbone_addr': `[${SERVER.ip}]:${PORT.application}`,
        'dst.service': 'server.demo.svc.cluster.local',
        'dst.workload': 'server',
      });
      expect(await lineOf('server', { direction: 'inbound', message: 'connection complete' })).toMatchObject({
        'src.addr': expect.stringMatching(/^\[fd00:15::a\]:\d+$/),
        'src.workload': 'client',
        'src.identity': 'spiffe://cluster.local/ns/demo/sa/client',
        'dst.hbone_addr': `[${SERVER.ip}]:${PORT.application}`,
      });
    });

    it('plaintext that enters a pod reaches the port it was going to', async () => {
      await stage.curl('client', `http://[${SERVER.ip}]:${PORT.application}/`, { asProxy: true });

      const line = await lineOf('server', { 'dst.addr': `[${SERVER.ip}]:${PORT.application}`, direction: 'inbound' });
      expect(line['src.addr']).toMatch(/^\[fd00:15::a\]:\d+$/);
    });

    it('who calls the listener itself is refused', async () => {
      // The reset may come before curl has seen that it was connected.
      await expect(stage.curl('client', 'http://[::1]:15001/')).rejects.toThrow(/reset|Empty reply|Failed to connect/i);

      const line = await lineOf('client', { fault: 'RECURSIVE_CALL' });
      expect(String(line.error)).toContain('[::1]:15001');
    });

    it.runIf(env.ZTUNNEL_WORKER_THREADS)('it goes on when all workers ended at once', async () => {
      const workers = async () => {
        const dump = await stage.curl('client', 'http://[::1]:15000/config_dump', { asProxy: true });
        return (JSON.parse(dump) as { workers: { pid: number; state: string; restarts: number }[] }).workers;
      };

      for (const { pid } of await workers()) process.kill(pid, 'SIGKILL');
      await until('both workers to be replaced', async () => {
        return (await workers()).every(({ state, restarts }) => state === 'serving' && restarts === 1) || undefined;
      });

      expect(await stage.curl('client', `http://[${VIP}]:${PORT.service}/`)).toBe(SERVER.ip);
    });

    it('what the proxy serves itself is reached without it', async () => {
      const metrics = await stage.curl('server', `http://[${CLIENT.ip}]:15020/metrics`, { asProxy: true });

      expect(metrics).toContain('istio_tcp_connections_opened_total');
    });
  });
});
