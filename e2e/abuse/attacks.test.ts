/**
 * The table of attacks against the proxies of a mesh, each repeated for a second by two attackers who come back as often as
 * they are thrown out, while neighbours call through the same proxies. Stated bounds: every offender gets the right
 * GOAWAY, no call of a neighbour fails, their median wait is at most `MAX_WAIT_RATIO` times that of the calm around the
 * attack (`MAX_WAIT_RATIO_TUNNELS` where tunnels are opened by the hundred), and when it is over the attacked process holds at most
 * `MAX_GROWTH_MB` more live memory than before.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ErrorCode } from '@isthmus/sdk/hbone';
import { type Lab, podOf, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTACKS, type Attack } from '../../packages/sdk/test/support/abuse/attacks.js';
import { raw } from '../../packages/sdk/test/support/raw-frames.js';
import { connectRaw } from '../../packages/sdk/test/support/raw-tls-client.js';
import { identityOf, type PemIdentity } from '../support/identity.js';
import { until } from '../support/wait.js';
import { liveMb, probeEnvironment } from './memory.js';
import { calm, during, pause, waitRatio } from './neighbours.js';

const ATTACK_MS = 1_000;
const ATTACKERS = 2;
/** Attackers and neighbours share the proxy's one thread, and each return of an attacker costs it a TLS handshake. */
const MAX_WAIT_RATIO = 25;
/** Where the attackers open hundreds of tunnels again and again, each a connection to the application. */
const MAX_WAIT_RATIO_TUNNELS = 100;
/** 0 to 13 MB are seen at the first look; what an attacker could leave behind grows with each of the attacks. */
const MAX_GROWTH_MB = 16;

let lab: Lab;
let probes: string;
let insider: PemIdentity;

beforeAll(async () => {
  probes = mkdtempSync(join(tmpdir(), 'isthmus-abuse-'));
  lab = await startLab({ environment: probeEnvironment(probes) });
  insider = await identityOf(lab, 'east', 'storefront');
  // Every process has served somebody before it is measured: the codec's memory is made at the first connection.
  for (const target of TARGETS) await attack(target, raw.goAway(0, ErrorCode.NO_ERROR), false);
  await during(lab.world, pause(ATTACK_MS));
});
afterAll(async () => {
  await lab?.close();
  rmSync(probes, { recursive: true, force: true });
});

interface Target {
  readonly process: string;
  readonly ip: () => string;
  readonly authority: () => string;
}

const gateway = (role: string) => lab.world.clusters.west.gateways.find((each) => each.role === role)?.ip ?? '';
const TARGETS: readonly Target[] = [
  {
    process: 'west/ztunnel',
    ip: () => podOf(lab.world, 'west', 'ledger').ip,
    authority: () => `${podOf(lab.world, 'west', 'ledger').ip}:9401`,
  },
  {
    process: 'west/istio-eastwestgateway',
    ip: () => gateway('east-west-gateway'),
    authority: () => 'ledger.shop.svc.cluster.local:9400',
  },
  {
    process: 'west/waypoint',
    ip: () => gateway('waypoint'),
    authority: () => 'reviews.shop.svc.cluster.local:9080',
  },
];

/** Attacks until the time is over, each time to the end; answers with the GOAWAY codes that came. */
async function attack(target: Target, bytes: Buffer, staysConnected: boolean): Promise<readonly number[]> {
  const codes: number[] = [];
  const deadline = performance.now() + ATTACK_MS;
  do {
    const peer = await connectRaw({ host: target.ip(), port: 15008 }, insider);
    peer.send(bytes);
    if (staysConnected) await pause(ATTACK_MS);
    else codes.push((await peer.frame(({ type }) => type === 'GOAWAY')).errorCode ?? -1);
    peer.socket.destroy();
  } while (performance.now() < deadline);
  return codes;
}

describe.each(TARGETS)('$process', (target) => {
  let before: number;
  const ratios: number[] = [];
  beforeAll(async () => {
    before = await liveMb(lab, probes, target.process);
  });

  it.each(ATTACKS.filter(({ needsEcho }) => !needsEcho).map((each) => [each.does, each] as const))(
    'a peer that %s',
    async (_, { outcome, bytes, opensTunnels }: Attack) => {
      const payload = bytes(target.authority());
      const before = await calm(lab.world);
      const attackers = Promise.all(
        Array.from({ length: ATTACKERS }, () => attack(target, payload, outcome === 'bounded')),
      );

      const beside = await during(lab.world, attackers);
      const codes = new Set((await attackers).flat());
      const after = await calm(lab.world);

      const ratio = waitRatio(beside, before, after);
      ratios.push(ratio);
      expect([...codes]).toEqual(outcome === 'bounded' ? [] : [ErrorCode[outcome]]);
      expect([before, beside, after].flatMap(({ failures }) => failures)).toEqual([]);
      expect(ratio).toBeLessThan(opensTunnels ? MAX_WAIT_RATIO_TUNNELS : MAX_WAIT_RATIO);
    },
  );

  it('holds no more memory than before, and runs', async () => {
    const after = await until('the memory of the attacks to be given back', async () => {
      const live = await liveMb(lab, probes, target.process);
      return live - before < MAX_GROWTH_MB ? live : undefined;
    });

    process.stderr.write(
      `${target.process}: neighbours waited ${Math.max(...ratios).toFixed(1)} times as long at worst; ` +
        `${before.toFixed(0)} MB before, ${after.toFixed(0)} MB after\n`,
    );
    expect(lab.processes.get(target.process).exit()).toBeUndefined();
  });
});
