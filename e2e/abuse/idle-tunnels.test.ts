/**
 * 10,000 tunnels that do nothing: 50 connections with all 200 streams each at one ztunnel, and behind every tunnel a
 * connection to the application. Stated bounds: neighbours are served throughout and wait beside the open tunnels at most
 * `MAX_WAIT_RATIO` times as long as before or after, a tunnel costs the ztunnel at most `MAX_KB_PER_TUNNEL` of live memory, and when the tunnels are gone so is
 * the memory.
 */
import { execSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, podOf, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raw } from '../../packages/sdk/test/support/raw-frames.js';
import { connectRaw, type RawTlsClient } from '../../packages/sdk/test/support/raw-tls-client.js';
import { identityOf, type PemIdentity } from '../support/identity.js';
import { until } from '../support/wait.js';
import { liveMb, probeEnvironment } from './memory.js';
import { calm, during, pause, waitRatio } from './neighbours.js';

const CONNECTIONS = 50;
const TUNNELS_EACH = 200;
const TUNNELS = CONNECTIONS * TUNNELS_EACH;
const VICTIM = 'west/ztunnel';

/** 11 are seen, of which Node's two sockets are the most. */
const MAX_KB_PER_TUNNEL = 24;
const MAX_WAIT_RATIO = 4;
const IDLE_MS = 2_000;
const MAX_LEFT_MB = 24;

/** The ztunnel and the application have a socket for each tunnel. */
const NEEDED_FILES = TUNNELS + 2_000;
const files = Number(execSync('ulimit -n', { encoding: 'utf8', shell: '/bin/sh' }).replace('unlimited', '1e9'));
if (files < NEEDED_FILES) {
  process.stderr.write(`skipped: ${TUNNELS} tunnels need ulimit -n ${NEEDED_FILES}, it is ${files}\n`);
}

describe.skipIf(files < NEEDED_FILES)(`${TUNNELS} idle tunnels`, () => {
  let lab: Lab;
  let probes: string;
  let insider: PemIdentity;
  const clients: RawTlsClient[] = [];

  beforeAll(async () => {
    probes = mkdtempSync(join(tmpdir(), 'isthmus-abuse-'));
    lab = await startLab({ environment: probeEnvironment(probes), logLevel: 'error' });
    insider = await identityOf(lab, 'west', 'storefront');
  });
  afterAll(async () => {
    for (const { socket } of clients) socket.destroy();
    await lab?.close();
    rmSync(probes, { recursive: true, force: true });
  });

  async function openAll(): Promise<void> {
    const { ip, listenPort } = podOf(lab.world, 'west', 'ledger');
    for (let each = 0; each < CONNECTIONS; each++) {
      const client = await connectRaw({ host: ip, port: 15008 }, insider);
      clients.push(client);
      const requests = Array.from({ length: TUNNELS_EACH }, (_, n) => raw.connect(2 * n + 1, `${ip}:${listenPort}`));
      client.send(...requests);
      await until('answers to all CONNECTs', () => answered(client) === TUNNELS_EACH || undefined);
    }
  }

  it('cost their memory, give it back, and nobody else waits for them', async () => {
    const calmBefore = await calm(lab.world);
    const before = await liveMb(lab, probes, VICTIM);

    const opening = await during(lab.world, openAll());
    const open = await liveMb(lab, probes, VICTIM);
    const idle = await during(lab.world, pause(IDLE_MS));
    for (const { socket } of clients) socket.destroy();
    const after = await until('the memory to be given back', async () => {
      const live = await liveMb(lab, probes, VICTIM);
      return live - before < MAX_LEFT_MB ? live : undefined;
    });
    const calmAfter = await calm(lab.world);

    const all = [calmBefore, opening, idle, calmAfter];
    expect(all.flatMap(({ failures }) => failures)).toEqual([]);
    expect(waitRatio(idle, calmBefore, calmAfter)).toBeLessThan(MAX_WAIT_RATIO);
    const kbPerTunnel = (1_024 * (open - before)) / TUNNELS;
    expect(kbPerTunnel).toBeLessThan(MAX_KB_PER_TUNNEL);
    process.stderr.write(
      `${TUNNELS} tunnels: ${kbPerTunnel.toFixed(1)} KB each; ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB after; ` +
        `neighbours' median ${all.map(({ medianMs }) => medianMs.toFixed(1)).join(', ')} ms before, while they open, while they idle, after\n`,
    );
  });
});

/** Tunnels that were answered 200. */
function answered({ frames }: RawTlsClient): number {
  return frames.filter(({ type, payload }) => type === 'HEADERS' && payload[0] === 0x88).length;
}
