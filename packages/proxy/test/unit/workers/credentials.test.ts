import { createCertificateManager, createTrust } from '@isthmus/sdk/identity';
import { createScope, DEFAULT_TLS_POLICY, realClock } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { Fault } from '@isthmus/sdk/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { createCredentialKeeper, createHeldCertificates, credentialOf } from '../../../src/workers/credentials.js';
import { identity } from '../../support/two-clusters.js';

const REVIEWS = identity('reviews');

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

async function head() {
  const authority = await createTestAuthority();
  const keeper = createCredentialKeeper();
  let signed = 0;
  const manager = createCertificateManager(scope, {
    ca: {
      async sign({ csr, identity: asked }) {
        signed += 1;
        return [await authority.sign(csr, asked), authority.rootPem];
      },
    },
    onIssued: keeper.issued,
  });
  return { keeper, manager, signed: () => signed };
}

describe('the certificates of a group', () => {
  it('are issued once for all workers, which make the same certificate of them', async () => {
    const { keeper, manager, signed } = await head();
    const ask = (wanted: string) => credentialOf(wanted, manager, keeper);
    const [one, two] = [
      createHeldCertificates({ clock: realClock, trust: createTrust(), tls: DEFAULT_TLS_POLICY, ask }),
      createHeldCertificates({ clock: realClock, trust: createTrust(), tls: DEFAULT_TLS_POLICY, ask }),
    ];

    const made = await Promise.all([one.certificate(REVIEWS), two.certificate(REVIEWS), one.certificate(REVIEWS)]);

    expect(signed()).toBe(1);
    expect(new Set(made.map(({ serialNumber }) => serialNumber)).size).toBe(1);
    expect(one.held().map((each) => each.identity)).toEqual([REVIEWS]);
  });

  it('are told to the group when issued and when forgotten, and no longer kept then', async () => {
    const { keeper, manager } = await head();
    const told: string[] = [];
    keeper.listen({
      issued: (credential) => told.push(`issued ${credential.identity}`),
      forgotten: (gone) => told.push(`forgotten ${gone}`),
    });

    await manager.certificate(REVIEWS);
    manager.forget(REVIEWS);
    keeper.forget(REVIEWS);

    expect(told).toEqual([`issued ${REVIEWS}`, `forgotten ${REVIEWS}`]);
    expect(keeper.all()).toEqual([]);
  });

  it('are made anew by a worker that is told of other trust bundles, without asking', async () => {
    const { keeper, manager, signed } = await head();
    const partner = await createTestAuthority({ trustDomain: 'partner.example' });
    const trust = createTrust();
    const ask = (wanted: string) => credentialOf(wanted, manager, keeper);
    const held = createHeldCertificates({ clock: realClock, trust, tls: DEFAULT_TLS_POLICY, ask });
    const before = await held.certificate(REVIEWS);

    trust.set(
      new Map([
        ['cluster.local', before.roots],
        ['partner.example', [partner.rootPem]],
      ]),
    );
    const after = await held.certificate(REVIEWS);

    expect(after.roots).toEqual([...before.roots, partner.rootPem]);
    expect([after.serialNumber, signed()]).toEqual([before.serialNumber, 1]);
  });

  it("fail with the head's reason, and are asked for again by whoever comes later", async () => {
    let asked = 0;
    const held = createHeldCertificates({
      trust: createTrust(),
      tls: DEFAULT_TLS_POLICY,
      clock: realClock,
      async ask() {
        asked += 1;
        throw new Fault('IDENTITY_UNAVAILABLE', 'the CA is away');
      },
    });

    await expect(held.certificate(REVIEWS)).rejects.toThrow('the CA is away');
    await expect(held.certificate(REVIEWS)).rejects.toThrow('the CA is away');

    expect(asked).toBe(2);
  });
});
