/** Whose roots vouch for which names, over real TLS: a CA that speaks for one trust domain cannot speak for another. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSigningRequest,
  createTrust,
  readIssuedChain,
  type Trust,
  type WorkloadCertificate,
} from '../../../src/identity/index.js';
import { createTestAuthority, type TestAuthority } from '../../../src/testing.js';
import { createRoot, type Issuer } from '../../support/certificate-chains.js';
import { until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { createHboneFixture, echo, type HboneFixture, REVIEWS, WEB } from '../../support/hbone-fixture.js';

const CONNECT = { authority: '10.0.0.1:80', headers: [] };
const PARTNER = 'partner.example';
const PARTNER_WEB = `spiffe://${PARTNER}/ns/shop/sa/web`;
const PARTNER_REVIEWS = `spiffe://${PARTNER}/ns/shop/sa/reviews`;

let fixture: HboneFixture;
let own: TestAuthority;
let partner: TestAuthority;
let trust: Trust;
beforeEach(async () => {
  fixture = await createHboneFixture();
  own = fixture.authority;
  partner = await createTestAuthority({ trustDomain: PARTNER });
  trust = createTrust();
  trust.set(both());
});
afterEach(() => fixture.close());

function both(): ReadonlyMap<string, readonly string[]> {
  return new Map([
    ['cluster.local', [own.rootPem]],
    [PARTNER, [partner.rootPem]],
  ]);
}

/** As a proxy would hold it. */
async function issue(authority: TestAuthority, identity: string, peers: Trust = trust): Promise<WorkloadCertificate> {
  const { csr, privateKey } = await createSigningRequest(identity);
  const elements = [await authority.sign(csr, identity), authority.rootPem];
  return readIssuedChain(identity, { elements, privateKey }, Date.now(), { trust: peers });
}

async function issueBelow(root: Issuer, below: Issuer, identity: string): Promise<WorkloadCertificate> {
  const { csr, privateKey } = await createSigningRequest(identity);
  const elements = [await below.sign(csr, identity), below.pem, root.pem];
  return readIssuedChain(identity, { elements, privateKey }, Date.now(), { trust });
}

describe('a server that knows the bundles of two trust domains', () => {
  it('accepts clients of both, each under the roots of its own', async () => {
    const reviews = await issue(own, REVIEWS);
    const callers: string[] = [];
    const { address } = await fixture.serve(
      (incoming) => {
        callers.push(incoming.connection.peerIdentity);
        incoming.refuse(404);
      },
      { certificate: () => reviews },
    );

    for (const certificate of [await issue(own, WEB), await issue(partner, PARTNER_WEB)]) {
      const connection = await fixture.dial(address, { certificate });
      await connection.connect(CONNECT).catch(() => {});
    }

    expect(callers).toEqual([WEB, PARTNER_WEB]);
  });

  it('refuses a name of one trust domain under the roots of the other, and says so', async () => {
    const reviews = await issue(own, REVIEWS);
    const server = await fixture.serve(echo, { certificate: () => reviews });

    for (const [authority, identity] of [
      [own, PARTNER_WEB],
      [partner, WEB],
    ] as const) {
      const refused = server.nextEarlyError();
      const connection = await fixture.dial(server.address, { certificate: await issue(authority, identity) });
      const answer = connection.connect(CONNECT);

      await expect(answer).rejects.toMatchObject({ code: 'TLS_FAILURE' });
      const other = authority === own ? 'cluster.local' : PARTNER;
      expect((await refused).fault).toMatchObject({
        code: 'TLS_FAILURE',
        message: expect.stringMatching(
          new RegExp(`says it is ${identity}, and .* not issued under the roots .* but under those of ${other}`),
        ),
      });
    }
  });

  it('follows the intermediates that a client sends along', async () => {
    const root = await createRoot('partner root');
    trust.set(new Map([...both(), [PARTNER, [root.pem]]]));
    const reviews = await issue(own, REVIEWS);
    const { address } = await fixture.serve((incoming) => incoming.refuse(404), { certificate: () => reviews });
    const middle = await root.intermediate();

    const connection = await fixture.dial(address, { certificate: await issueBelow(root, middle, PARTNER_WEB) });
    const answer = connection.connect(CONNECT);

    await expect(answer).rejects.toMatchObject({ code: 'TUNNEL_REFUSED' });
  });

  it('refuses who is of a trust domain that it has no roots of', async () => {
    const reviews = await issue(own, REVIEWS);
    const server = await fixture.serve(echo, { certificate: () => reviews });
    const refused = server.nextEarlyError();

    const stranger = await issue(own, 'spiffe://stranger.example/ns/shop/sa/web');
    const connection = await fixture.dial(server.address, { certificate: stranger });

    await expect(connection.connect(CONNECT)).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    expect((await refused).fault).toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: expect.stringContaining('not of trust domain cluster.local or partner.example'),
    });
  });

  it('lets clients of another trust domain resume their sessions, and judges them as at first', async () => {
    let reviews = await issue(own, REVIEWS);
    const server = await fixture.serve(echo, { certificate: () => reviews });
    const pool = fixture.pool({ poolIdleMs: 0 });
    const source = await issue(partner, PARTNER_WEB);
    const first = await pool.connect(fixture.hop(server.address, { source }), CONNECT);
    first.stream.reset();
    await until(() => pool.size === 0);

    const second = await pool.connect(fixture.hop(server.address, { source }), CONNECT);

    expect(second.peerIdentity).toBe(REVIEWS);
    expect(server.earlyErrors).toEqual([]);
    trust.set(new Map([['cluster.local', [own.rootPem]]]));
    reviews = await issue(own, REVIEWS);
    const end = collect(second.stream);
    await until(() => end.end !== undefined);
    await expect(pool.connect(fixture.hop(server.address, { source }), CONNECT)).rejects.toMatchObject({
      code: 'TLS_FAILURE',
    });
  });

  it('closes the connections of a trust domain whose bundle is withdrawn, and of nobody else', async () => {
    const reviews = await issue(own, REVIEWS);
    const ends: unknown[] = [];
    const { server, address } = await fixture.serve(
      (incoming) => {
        incoming.accept().handlers = { onData() {}, onEnd() {}, onDrain() {}, onClose: (how) => ends.push(how) };
      },
      { certificate: () => reviews },
    );
    const pool = fixture.pool();
    const foreignTrust = createTrust();
    foreignTrust.set(both());
    const source = await issue(partner, PARTNER_WEB, foreignTrust);
    const foreign = collect((await pool.connect(fixture.hop(address, { source }), CONNECT)).stream);
    const kept = collect((await pool.connect(fixture.hop(address, { source: await issue(own, WEB) }), CONNECT)).stream);

    trust.set(new Map([['cluster.local', [own.rootPem]]]));
    await until(() => foreign.end !== undefined && server.connections === 1);

    expect(foreign.end).toMatchObject({ kind: 'lost' });
    expect(ends).toMatchObject([
      {
        kind: 'lost',
        error: { message: expect.stringContaining(`no roots are known here for trust domain ${PARTNER}`) },
      },
    ]);
    expect(kept.end).toBeUndefined();
  });

  it('keeps its connections through a rotation of its own root, until the old one is withdrawn', async () => {
    const next = await createTestAuthority();
    const reviews = await issue(own, REVIEWS);
    const { address } = await fixture.serve(echo, { certificate: () => reviews });
    const withRoots = (...roots: string[]) => trust.set(new Map([...both(), ['cluster.local', roots]]));
    const old = collect(
      (await fixture.pool().connect(fixture.hop(address, { source: await issue(own, WEB) }), CONNECT)).stream,
    );

    withRoots(own.rootPem, next.rootPem);
    const source = await issue(next, WEB);
    const reissued = await issue(own, REVIEWS);
    const { address: rotated } = await fixture.serve(echo, { certificate: () => reissued });
    const renewed = collect((await fixture.pool().connect(fixture.hop(rotated, { source }), CONNECT)).stream);
    const during = [old.end, renewed.end];
    withRoots(next.rootPem);
    await until(() => old.end !== undefined);

    expect(during).toEqual([undefined, undefined]);
  });
});

describe('a client that knows the bundles of two trust domains', () => {
  it('accepts a server of the other under its own roots only', async () => {
    const right = await issue(partner, PARTNER_REVIEWS);
    const wrong = await issue(own, PARTNER_REVIEWS);
    const certificate = await issue(own, WEB);
    const expected = [PARTNER_REVIEWS];
    const good = await fixture.serve(echo, { certificate: () => right });
    const bad = await fixture.serve(echo, { certificate: () => wrong });

    const connection = await fixture.dial(good.address, { certificate, expected });
    const refused = fixture.dial(bad.address, { certificate, expected });

    expect(connection.peerIdentity).toBe(PARTNER_REVIEWS);
    await expect(refused).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringContaining(
        `not issued under the roots of trust domain ${PARTNER}, but under those of cluster.local`,
      ),
    });
  });

  it('closes its connections with a trust domain whose bundle is withdrawn', async () => {
    const serving = createTrust();
    serving.set(both());
    const reviews = await issue(partner, PARTNER_REVIEWS, serving);
    const { address } = await fixture.serve(echo, { certificate: () => reviews });
    const hop = fixture.hop(address, { source: await issue(own, WEB), expected: [PARTNER_REVIEWS] });
    const sink = collect((await fixture.pool().connect(hop, CONNECT)).stream);

    trust.set(new Map([['cluster.local', [own.rootPem]]]));
    await until(() => sink.end !== undefined);

    expect(sink.end).toMatchObject({
      kind: 'lost',
      error: { code: 'TLS_FAILURE', message: expect.stringContaining('any more') },
    });
  });

  it('trusts every root for every name as long as nobody has said whose they are', async () => {
    const silent = createTrust();
    const wrong = await issue(own, PARTNER_REVIEWS, silent);
    const { address } = await fixture.serve(echo, { certificate: () => wrong });

    const connection = await fixture.dial(address, {
      certificate: await issue(own, WEB, silent),
      expected: [PARTNER_REVIEWS],
    });

    expect(connection.peerIdentity).toBe(PARTNER_REVIEWS);
  });
});
