/**
 * The root of a mesh is rotated under traffic: real control plane, real certificates that are renewed twice a second,
 * real mTLS, a new connection for every call. One of the workloads learns of roots with its certificates only, like a ztunnel.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitPem, type WorkloadCertificate } from '@isthmus/sdk/identity';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.js';
import { call, enrol, everybody, type Member } from '../support/members.js';
import { namespace } from '../support/objects.js';
import { startPlane, type TestPlane } from '../support/plane.js';

const PAUSE_MS = 5;

let scope: Scope;
let test: TestPlane;
beforeEach(async () => {
  scope = createScope();
  test = await startPlane({ clusters: { east: { 'a.yaml': [namespace('shop')] } } });
});
afterEach(async () => {
  await scope.close();
  await test.close();
});

/** Everybody calls everybody, one after the other, until it is told to stop. */
function traffic(members: readonly Member[]) {
  const pairs = members.flatMap((from) => members.map((to) => [from, to] as const));
  const failures: string[] = [];
  let calls = 0;
  let isOver = false;
  const run = async () => {
    for (let index = 0; !isOver; index = (index + 1) % pairs.length) {
      const [from, to] = pairs[index]!;
      calls += 1;
      await call(from, to).catch((error: unknown) => failures.push(`${from.identity} to ${to.identity}: ${error}`));
      // The others have to get on as well: it is a test of order, not of load.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  const done = run();
  return {
    failures,
    /** Resolves when everybody has called everybody once more, and again. */
    async goesOn() {
      const enough = calls + 2 * pairs.length;
      while (calls < enough) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    },
    async stop() {
      isOver = true;
      await done;
    },
  };
}

async function cacerts(...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const program = createProgram('0', { out: (text) => lines.push(text), err: () => {} });
  await program.exitOverride().parseAsync(['cacerts', ...args, '--ca', join(test.directory, 'ca')], { from: 'user' });
  return lines.join('\n');
}

function isBelow(pem: string): (certificate: WorkloadCertificate) => boolean {
  const root = new X509Certificate(pem);
  return ({ chain }) => new X509Certificate(chain.at(-1) ?? '').checkIssued(root);
}

describe('the rotation of a root', () => {
  it('breaks no handshake: both are trusted, then the CA is switched, then the old one is dropped', async () => {
    const members = [
      await enrol(scope, test, { account: 'web', learns: 'by bundles' }),
      await enrol(scope, test, { account: 'reviews', learns: 'by bundles' }),
      await enrol(scope, test, { account: 'ratings', learns: 'by certificates' }),
    ];
    const next = join(test.directory, 'next-root');
    const [old = ''] = test.plane.status().ca.roots.map(({ fingerprint }) => fingerprint);
    const load = traffic(members);

    const early = cacerts('switch', '--root', join(test.directory, 'root'), '--cluster', 'east');
    await expect(early).rejects.toThrow('the CA leads to root');
    await cacerts('add-root', '--root', next);
    const nextPem = await readFile(join(next, 'root-cert.pem'), 'utf8');
    await expect(cacerts('switch', '--root', next, '--cluster', 'east')).rejects.toThrow('may not trust it before');
    await everybody(members, ({ roots }) => roots.length === 2);
    await load.goesOn();
    await cacerts('switch', '--root', next, '--cluster', 'east', '--longest-life', '1ms');
    await everybody(members, isBelow(nextPem));
    await load.goesOn();
    const before = test.plane.status().ca;
    await expect(cacerts('drop-root', '--fingerprint', old)).rejects.toThrow('they may live until');
    await cacerts('drop-root', '--fingerprint', old.slice(0, 16), '--longest-life', '1ms');
    await everybody(members, ({ roots }) => roots.length === 1 && splitPem(nextPem)[0] === roots[0]);
    await load.goesOn();
    await load.stop();

    expect(load.failures).toEqual([]);
    expect(before.roots).toMatchObject([
      { fingerprint: old, signs: false, followers: 2 },
      { signs: true, followers: 2 },
    ]);
    expect(before.roots[1]?.issued).toBeGreaterThanOrEqual(3);
    expect(test.plane.status().ca.roots).toMatchObject([{ signs: true, followers: 2 }]);
  });
});
