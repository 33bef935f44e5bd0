/** ztunnel's variables for TCP keepalive, on the sockets of a connection that crosses networks, as the kernel lists them. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { socks5 } from '../../support/tcp.js';
import { REVIEWS, startTwoClusters } from '../../support/two-clusters.js';

interface Row {
  readonly local: string;
  readonly remote: string;
  /** `keepalive` while nothing but the next probe is waited for. */
  readonly timer: 'none' | 'keepalive' | 'other';
  /** Until the timer runs out; the kernel counts in hundredths here. */
  readonly seconds: number;
}

/** What both proxies and the gateway hold, of the addresses of this test. */
async function proxySockets(block: string): Promise<readonly Row[]> {
  const lines = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === '01')
    .map(([, local = '', remote = '', , , timer = '']): Row => {
      const [kind, when = '0'] = timer.split(':');
      const name = kind === '00' ? 'none' : kind === '02' ? 'keepalive' : 'other';
      return {
        local: readable(local),
        remote: readable(remote),
        timer: name,
        seconds: Number.parseInt(when, 16) / 100,
      };
    })
    .filter(({ local, remote }) => local.startsWith(block) || remote.startsWith(block))
    .filter(({ local, remote }) => /:(15080|15008)$/.test(local) || /:(15008|8080)$/.test(remote));
}

/** `0100007F:1F90` is 127.0.0.1:8080. */
function readable(pair: string): string {
  const [address = '', port = ''] = pair.split(':');
  return `${[...Buffer.from(address, 'hex').reverse()].join('.')}:${Number.parseInt(port, 16)}`;
}

/** SOCKS5, two ends of each of two tunnels, and the application's. */
const SOCKETS = 6;

async function open(env: Record<string, string>) {
  const mesh = await startTwoClusters({ env });
  // The application is connected when the answer is there.
  await socks5(mesh.scope, mesh.socks5, REVIEWS, 80);
  const block = mesh.addresses.capture.replace(/\d+$/, '');
  return { close: mesh.close, sockets: () => proxySockets(block) };
}

it('KEEPALIVE_TIME is when the other end of a silent connection is probed, on every hop', async () => {
  const { close, sockets } = await open({ KEEPALIVE_TIME: '77s' });

  await expect
    .poll(async () => (await sockets()).map(({ timer }) => timer))
    .toEqual(new Array(SOCKETS).fill('keepalive'));
  const seconds = (await sockets()).filter(({ timer }) => timer === 'keepalive').map((row) => row.seconds);
  await close();

  expect(seconds.length).toBeGreaterThan(0);
  expect(Math.max(...seconds)).toBeLessThanOrEqual(77);
});

it('KEEPALIVE_ENABLED=false probes nobody', async () => {
  const { close, sockets } = await open({ KEEPALIVE_ENABLED: 'false' });

  await expect.poll(async () => (await sockets()).map(({ timer }) => timer)).toEqual(new Array(SOCKETS).fill('none'));
  await close();
});
