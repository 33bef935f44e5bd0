/**
 * The table of attacks against the proxies of a mesh, each repeated for a second by two attackers who come back as often as
 * they are thrown out, while neighbours call through the same proxies. Stated bounds: every offender gets the right
 * GOAWAY, no call of a neighbour fails, their median wait grows at most `MAX_WAIT_RATIO` times, and when it is over the
 * attacked process holds at most `MAX_GROWTH_MB` more live memory than before.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ErrorCode } from '@isthmus/sdk/hbone';
import { type Lab, podOf, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTACKS, type Attack } from '../../packages/sdk/test/support/abuse/attacks.js';
import { connectRaw } from '../../packages/sdk/test/support/raw-tls-client.js';
import { identityOf, type PemIdentity } from '../support/identity.js';
import { liveMb, probeEnvironment } from './memory.js';
import { during } from './neighbours.js';

const ATTACK_MS = 1_000;
const ATTACKERS = 2;
/**
 * Attackers and neighbours share the proxy's one thread, and each return of an attacker costs it a TLS handshake; on two
 * shared cores the neighbours wait three to six times as long as undisturbed.
 */
const MAX_WAIT_RATIO = 15;
/** Undisturbed calls are so fast that a ratio alone would measure the machine. */
const MIN_WAIT_MS = 20;
const MAX_GROWTH_MB = 16;

let lab: Lab;
let probes: string;
let insider: PemIdentity;
let calmMs: number;

beforeAll(async () => {
  probes = mkdtempSync(join(tmpdir(), 'isthmus-abuse-'));
  lab = await startLab({ environment: probeEnvironment(probes) });
  insider = await identityOf(lab, 'east', 'storefront');
  const pause = () => new Promise((resolve) => setTimeout(resolve, 2 * ATTACK_MS));
  await during(lab.world, pause());
  calmMs = (await during(lab.world, pause())).medianMs;
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

/** Attacks until the time is over; answers with the GOAWAY codes that came. */
async function attack(target: Target, bytes: Buffer, keepsConnection: boolean): Promise<readonly number[]> {
  const codes: number[] = [];
  const until = performance.now() + ATTACK_MS;
  while (performance.now() < until) {
    const peer = await connectRaw({ host: target.ip(), port: 15008 }, insider);
    peer.send(bytes);
    const left = new Promise((resolve) => setTimeout(resolve, Math.max(0, until - performance.now())));
    const goAway = await Promise.race([peer.frame(({ type }) => type === 'GOAWAY').catch(() => undefined), left]);
    if (goAway && typeof goAway === 'object' && 'errorCode' in goAway) codes.push(Number(goAway.errorCode));
    if (keepsConnection) await left;
    peer.socket.destroy();
  }
  return codes;
}

describe.each(TARGETS)('$process', (target) => {
  let before: number;
  beforeAll(async () => {
    before = await liveMb(lab, probes, target.process);
  });

  it.each(ATTACKS.map((each) => [each.does, each] as const))(
    'a peer that %s',
    async (_, { outcome, bytes }: Attack) => {
      const payload = bytes(target.authority());
      const attackers = Array.from({ length: ATTACKERS }, () => attack(target, payload, outcome === 'bounded'));

      const neighbours = await during(lab.world, Promise.all(attackers));
      const codes = new Set((await Promise.all(attackers)).flat());

      expect([...codes]).toEqual(outcome === 'bounded' ? [] : [ErrorCode[outcome]]);
      expect(neighbours.failures).toEqual([]);
      expect(neighbours.medianMs).toBeLessThan(Math.max(MIN_WAIT_MS, calmMs) * MAX_WAIT_RATIO);
    },
  );

  it('holds no more memory than before, and runs', async () => {
    const after = await liveMb(lab, probes, target.process);

    expect(after - before).toBeLessThan(MAX_GROWTH_MB);
    expect(lab.processes.get(target.process).exit()).toBeUndefined();
  });
});
