import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CertificateAuthority,
  type CertificateManager,
  type CertificateManagerInit,
  type CertificateRequest,
  createCertificateManager,
  createTrust,
  type IssuedCredential,
  readIssuedChain,
  type WorkloadCertificate,
} from '../../../src/identity/index.js';
import { createScope, type Scope } from '../../../src/runtime/index.js';
import {
  createTestAuthority,
  createVirtualClock,
  type TestAuthority,
  type VirtualClock,
} from '../../../src/testing.js';
import { Fault } from '../../../src/wire/index.js';
import { createInbox } from '../../support/inbox.js';

const reviews = 'spiffe://cluster.local/ns/shop/sa/reviews';
const HOUR_MS = 3_600_000;

/** A request that reached the CA and waits for its answer. */
interface Asked {
  readonly request: CertificateRequest;
  grant(lifeMs?: number): Promise<void>;
  refuse(reason: string): void;
}

let scope: Scope;
let clock: VirtualClock;
let authority: TestAuthority;

beforeEach(async () => {
  scope = createScope();
  clock = createVirtualClock();
  authority = await createTestAuthority({ now: clock.now });
});

afterEach(() => scope.close());

function createCa() {
  const asked = createInbox<Asked>();
  const ca: CertificateAuthority = {
    sign: (request) =>
      new Promise((resolve, reject) => {
        asked.put({
          request,
          async grant(lifeMs = 24 * HOUR_MS) {
            // X.509 counts whole seconds.
            const notAfter = new Date(clock.now() + lifeMs);
            resolve([await authority.sign(request.csr, request.identity, { notAfter }), authority.rootPem]);
          },
          refuse: (reason) => reject(new Fault('IDENTITY_UNAVAILABLE', reason)),
        });
      }),
  };
  return { ca, asked };
}

function setUp(init: Partial<CertificateManagerInit> = {}) {
  const { ca, asked } = createCa();
  const manager = createCertificateManager(scope, { ca, clock, random: () => 0.5, ...init });
  const rotated = createInbox<WorkloadCertificate>();
  manager.onRotated((certificate) => rotated.put(certificate));
  return { manager, asked, rotated };
}

/** Lets callbacks of settled promises run. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The reason a certificate cannot be had now. */
const reasonOf = (manager: CertificateManager) =>
  manager.certificate(reviews).then(
    () => 'granted',
    (fault: Fault) => `${fault.code}: ${fault.message}`,
  );

describe('a certificate manager', () => {
  it('tells of what was issued, so that another process can make the same certificate of it', async () => {
    const told: IssuedCredential[] = [];
    const { manager, asked } = setUp({ onIssued: (credential) => told.push(credential) });

    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant();
    const { serialNumber } = await wanted;

    expect(told.map(({ identity }) => identity)).toEqual([reviews]);
    const made = told.map((credential) => readIssuedChain(credential.identity, credential, clock.now()));
    expect(made.map((certificate) => certificate.serialNumber)).toEqual([serialNumber]);
    expect(JSON.stringify(told)).not.toContain('PRIVATE KEY');
  });

  it('fetches on first use, once for everyone who asks meanwhile, and then holds', async () => {
    const { manager, asked } = setUp();

    const wanted = [manager.certificate(reviews), manager.certificate(reviews)];
    const first = await asked.next();
    const initializing = manager.held();
    await first.grant();
    const [one, two] = await Promise.all(wanted);
    const three = await manager.certificate(reviews);

    expect(initializing).toEqual([{ identity: reviews, state: 'initializing' }]);
    expect(one?.identity).toBe(reviews);
    expect([two, three]).toEqual([one, one]);
    expect(asked.waiting).toBe(0);
    expect(manager.held()).toEqual([{ identity: reviews, state: 'available', certificate: one }]);
  });

  it('refreshes as early as it is told to, so that the CA may be away for the rest of the life', async () => {
    const { manager, asked, rotated } = setUp({ gracePeriodRatio: 0.75 });
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant(4 * HOUR_MS);
    await wanted;

    clock.advance(HOUR_MS - 1);
    const early = asked.waiting;
    clock.advance(1);
    await (await asked.next()).grant();
    await rotated.next();

    expect(early).toBe(0);
  });

  it('refreshes when half of the life is over, with a new key, and tells who listens', async () => {
    const { manager, asked, rotated } = setUp();
    const wanted = manager.certificate(reviews);
    const first = await asked.next();
    await first.grant(24 * HOUR_MS);
    const before = await wanted;

    clock.advance(12 * HOUR_MS - 1);
    const early = asked.waiting;
    clock.advance(1);
    const second = await asked.next();
    const duringRefresh = await manager.certificate(reviews);
    await second.grant();
    const after = await rotated.next();

    expect(early).toBe(0);
    expect(second.request.csr).not.toBe(first.request.csr);
    expect(duringRefresh).toBe(before);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    expect(await manager.certificate(reviews)).toBe(after);
  });

  it('spreads refreshes by a tenth to either side', async () => {
    const { manager, asked } = setUp({ random: () => 0 });
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant(20 * HOUR_MS);
    await wanted;

    clock.advance(9 * HOUR_MS);

    expect((await asked.next()).request.identity).toBe(reviews);
  });

  it('rejects with the reason of the CA, and tries again after 1 s doubling to 150 s', async () => {
    const { manager, asked } = setUp();
    const refused = reasonOf(manager);
    (await asked.next()).refuse('the CA says no');
    const reasons = [await refused];
    const delays: number[] = [];

    for (let attempt = 0; attempt < 10; attempt++) {
      reasons.push(await reasonOf(manager));
      const before = clock.monotonic();
      clock.advanceToNext();
      delays.push(clock.monotonic() - before);
      const waiting = reasonOf(manager);
      (await asked.next()).refuse('the CA says no');
      await waiting;
    }

    expect(new Set(reasons)).toEqual(new Set(['IDENTITY_UNAVAILABLE: the CA says no']));
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 150, 150].map((seconds) => seconds * 1_000));
    expect(manager.held()).toEqual([{ identity: reviews, state: 'unavailable', reason: 'the CA says no' }]);
  });

  it('is well again once the CA is', async () => {
    const { manager, asked } = setUp();
    const refused = reasonOf(manager);
    (await asked.next()).refuse('starting');
    await refused;

    clock.advance(1_000);
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant();
    const certificate = await wanted;

    expect(manager.held()).toEqual([{ identity: reviews, state: 'available', certificate }]);
  });

  it('keeps the old certificate until it expires when a refresh fails, and tries at that moment once more', async () => {
    const { manager, asked } = setUp();
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant(4_000);
    const old = await wanted;
    const failRefresh = async () => {
      (await asked.next()).refuse('down');
      await nextTurn();
    };

    clock.advance(2_000);
    await failRefresh();
    const atHalf = { certificate: await manager.certificate(reviews), status: manager.held()[0] };
    clock.advance(1_000);
    await failRefresh();
    clock.advance(999);
    const justBefore = await manager.certificate(reviews);
    clock.advance(1);
    const atExpiry = manager.held()[0];
    const waiting = manager.certificate(reviews);
    await (await asked.next()).grant();
    const renewed = await waiting;

    expect(atHalf.certificate).toBe(old);
    expect(atHalf.status).toMatchObject({ state: 'available', reason: 'down' });
    expect(justBefore).toBe(old);
    expect(atExpiry).toMatchObject({ state: 'unavailable', reason: 'down' });
    expect(renewed.serialNumber).not.toBe(old.serialNumber);
  });

  it('does not ask in a tight loop for certificates that are nearly over', async () => {
    const { manager, asked } = setUp();
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant(1_000);
    await wanted;

    clock.advance(999);

    expect(asked.waiting).toBe(0);
  });

  it('refuses an answer that cannot be used, and says why', async () => {
    const ca: CertificateAuthority = { sign: async () => ['not a certificate'] };
    const { manager } = setUp({ ca });

    const reason = await reasonOf(manager);

    expect(reason).toBe(
      `IDENTITY_UNAVAILABLE: certificate of ${reviews}: the answer has 1 elements; a leaf first and the roots last are needed`,
    );
  });

  it('asks nobody for what is not an identity', async () => {
    const { manager, asked } = setUp();

    await expect(manager.certificate('reviews')).rejects.toThrow('"reviews" is not spiffe://');

    expect(asked.waiting).toBe(0);
    expect(manager.held()).toEqual([]);
  });

  it('has at most eight requests under way', async () => {
    const { manager, asked } = setUp();
    const identities = Array.from({ length: 10 }, (_, index) => `spiffe://td/ns/n/sa/s${index}`);
    const wanted = identities.map((identity) => manager.certificate(identity));
    const first = await Promise.all(Array.from({ length: 8 }, () => asked.next()));

    const waitingBefore = asked.waiting;
    await first[0]?.grant();
    const ninth = await asked.next();

    expect(waitingBefore).toBe(0);
    expect(ninth.request.identity).toBe('spiffe://td/ns/n/sa/s8');
    await Promise.all([...first.slice(1), ninth].map((ask) => ask.grant()));
    await (await asked.next()).grant();
    await Promise.all(wanted);
  });

  it('lets connections that wait go before refreshes', async () => {
    const { manager, asked } = setUp({ concurrency: 1 });
    const other = 'spiffe://cluster.local/ns/shop/sa/ratings';
    const newcomer = 'spiffe://cluster.local/ns/shop/sa/newcomer';
    for (const identity of [reviews, other]) {
      const wanted = manager.certificate(identity);
      await (await asked.next()).grant();
      await wanted;
    }

    clock.advance(12 * HOUR_MS);
    const running = await asked.next();
    const wanted = manager.certificate(newcomer);
    await running.grant();
    const next = await asked.next();

    expect(next.request.identity).toBe(newcomer);
    await next.grant();
    await wanted;
  });

  it('forgets an identity with its timer, and an answer that comes too late', async () => {
    const { manager, asked, rotated } = setUp();
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant();
    await wanted;
    clock.advance(12 * HOUR_MS);
    const refresh = await asked.next();

    manager.forget(reviews);
    await refresh.grant();
    await nextTurn();

    expect(manager.held()).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(rotated.waiting).toBe(0);
  });

  it('leaves nothing behind when its scope closes', async () => {
    const { manager, asked } = setUp();
    const wanted = manager.certificate(reviews);
    await (await asked.next()).grant();
    await wanted;

    await scope.close();

    expect(clock.pending).toBe(0);
    expect(await reasonOf(manager)).toMatch(/IDENTITY_UNAVAILABLE: certificate of .* shutting down/);
  });

  it('goes on when a listener fails', async () => {
    const { manager, asked, rotated } = setUp();
    const failing = createCa();
    const other = createCertificateManager(scope, { ca: failing.ca, clock, random: () => 0.5 });
    other.onRotated(() => {
      throw new Error('listener');
    });
    other.onRotated((certificate) => rotated.put(certificate));
    const wanted = other.certificate(reviews);
    await (await failing.asked.next()).grant();
    await wanted;

    clock.advance(12 * HOUR_MS);
    await (await failing.asked.next()).grant();

    expect((await rotated.next()).identity).toBe(reviews);
    expect([manager.held(), asked.waiting]).toEqual([[], 0]);
  });
});

describe('certificates under trust bundles', () => {
  it('are made anew with the same key and serial number when the bundles change, without asking the CA', async () => {
    const partner = await createTestAuthority({ trustDomain: 'partner.example', now: clock.now });
    const trust = createTrust();
    const { manager, asked, rotated } = setUp({ trust });
    const first = manager.certificate(reviews);
    await (await asked.next()).grant();
    const before = await first;

    trust.set(
      new Map([
        ['cluster.local', [authority.rootPem]],
        ['partner.example', [partner.rootPem]],
      ]),
    );
    const after = await manager.certificate(reviews);

    expect(after.roots).toEqual([authority.rootPem, partner.rootPem]);
    expect(after.serialNumber).toBe(before.serialNumber);
    expect(after.secureContext).not.toBe(before.secureContext);
    expect(await rotated.next()).toBe(after);
    expect(asked.waiting).toBe(0);
  });

  it('are replaced within seconds when their own root is withdrawn', async () => {
    const next = await createTestAuthority({ now: clock.now });
    const trust = createTrust();
    trust.set(new Map([['cluster.local', [authority.rootPem, next.rootPem]]]));
    const { manager, asked } = setUp({ trust });
    const first = manager.certificate(reviews);
    await (await asked.next()).grant();
    await first;

    trust.set(new Map([['cluster.local', [next.rootPem]]]));
    const early = asked.waiting;
    clock.advance(5_000);
    await asked.next();

    expect(early).toBe(0);
  });

  it('are asked for again under back-off while the CA still issues under a root that is withdrawn', async () => {
    const next = await createTestAuthority({ now: clock.now });
    const trust = createTrust();
    trust.set(new Map([['cluster.local', [next.rootPem]]]));
    const { manager, asked } = setUp({ trust });
    const first = manager.certificate(reviews);
    await (await asked.next()).grant();
    const refusedByPeers = await first;

    clock.advance(1_000);
    await (await asked.next()).grant();
    await nextTurn();
    clock.advance(1_999);
    const early = asked.waiting;
    clock.advance(1);
    await asked.next();

    expect(refusedByPeers.roots).toEqual([next.rootPem]);
    expect(early).toBe(0);
  });
});
