/** What two ends agree on under each policy, by real handshakes with this Node's OpenSSL. */
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { connect, createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createScope, lackOf, type Scope, type TlsPolicy, tlsOptions } from '../../../src/runtime/index.js';
import { createTestAuthority } from '../../../src/testing.js';
import { WEB } from '../../support/hbone-fixture.js';

const DEFAULT: TlsPolicy = { tls12: false, compliance: undefined };
const TLS12: TlsPolicy = { ...DEFAULT, tls12: true };
const FIPS: TlsPolicy = { ...DEFAULT, compliance: 'fips-140-2' };
const PQC: TlsPolicy = { ...DEFAULT, compliance: 'pqc' };

const hasHybridGroup = Number(process.versions.openssl.split('.').slice(0, 2).join('.')) >= 3.5;

const pem = await (await createTestAuthority()).issuePem(WEB);

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

/** Both ends after the handshake; rejects with the client's error when they do not agree. */
async function shakeHands(client: SecureContextOptions, server: SecureContextOptions) {
  const accepted: TLSSocket[] = [];
  const listener = createServer((socket) => {
    const secureContext = createSecureContext({ ...pem, ...server });
    accepted.push(new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => {}));
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    socket: connectTcp(port, '127.0.0.1'),
    secureContext: createSecureContext({ ...pem, ...client }),
    checkServerIdentity: () => undefined,
  });
  scope.own(() => {
    for (const each of [socket, ...accepted]) each.destroy();
    listener.close();
  });
  await once(socket, 'secureConnect');
  return socket;
}

async function agreed(client: SecureContextOptions, server: SecureContextOptions) {
  const socket = await shakeHands(client, server);
  const { name } = socket.getEphemeralKeyInfo() as { readonly name?: string };
  return { version: socket.getProtocol(), suite: socket.getCipher().standardName, group: name };
}

const ONLY_12: SecureContextOptions = { maxVersion: 'TLSv1.2' };
const CHACHA: SecureContextOptions = { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' };

describe('between two ends of the same policy', () => {
  it.each([
    ['no policy', DEFAULT, 'TLSv1.3'],
    ['TLS 1.2 allowed', TLS12, 'TLSv1.3'],
    ['fips-140-2', FIPS, 'TLSv1.3'],
  ] as const)('%s: the newest version, with AES-256-GCM', async (_, policy, version) => {
    const { version: found, suite } = await agreed(tlsOptions(policy), tlsOptions(policy));

    expect([found, suite]).toEqual([version, 'TLS_AES_256_GCM_SHA384']);
  });

  it('fips-140-2 agrees on a NIST curve', async () => {
    const { group } = await agreed(tlsOptions(FIPS), tlsOptions(FIPS));

    expect(group).toBe('prime256v1');
  });

  it.skipIf(!hasHybridGroup)('pqc agrees on the hybrid group, and on nothing with a peer that lacks it', async () => {
    await expect(agreed(tlsOptions(PQC), tlsOptions(PQC))).resolves.toMatchObject({ version: 'TLSv1.3' });
    await expect(agreed(tlsOptions(PQC), tlsOptions(FIPS))).rejects.toThrow(/handshake failure|no shared|no suitable/i);
  });
});

describe('a peer of TLS 1.2', () => {
  it('is refused, unless TLS 1.2 is allowed', async () => {
    await expect(agreed(ONLY_12, tlsOptions(DEFAULT))).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
    await expect(agreed(ONLY_12, tlsOptions(TLS12))).resolves.toMatchObject({
      version: 'TLSv1.2',
      suite: expect.stringMatching(/^TLS_ECDHE_(ECDSA|RSA)_WITH_AES_(256|128)_GCM_SHA(384|256)$/),
    });
    await expect(agreed(tlsOptions(TLS12), ONLY_12)).resolves.toMatchObject({ version: 'TLSv1.2' });
  });

  it('may not renegotiate, whoever it then wants to be', async () => {
    const socket = await shakeHands(ONLY_12, tlsOptions(TLS12));

    const outcome = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve);
      socket.renegotiate({}, resolve);
    });

    expect(outcome).toMatchObject({ message: expect.stringMatching(/renegotiation/i) });
  });

  it('gets no suite but AES-GCM with an ephemeral key', async () => {
    const weak = { ...ONLY_12, ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA' };

    await expect(agreed(weak, tlsOptions(TLS12))).rejects.toThrow(/handshake failure/);
  });
});

it.each([
  ['no policy', DEFAULT],
  ['fips-140-2', FIPS],
] as const)('a peer with other suites of TLS 1.3 is refused under %s', async (_, policy) => {
  await expect(agreed(CHACHA, tlsOptions(policy))).rejects.toThrow(/handshake failure/);
});

it('a peer with X25519 alone is refused under fips-140-2', async () => {
  await expect(agreed({ ecdhCurve: 'X25519' }, tlsOptions(FIPS))).rejects.toThrow(/handshake failure/);
});

describe('what cannot be kept is said', () => {
  it('nothing of the ordinary policies', () => {
    expect([DEFAULT, TLS12, FIPS].map(lackOf)).toEqual([undefined, undefined, undefined]);
  });

  it('pqc where OpenSSL is older than 3.5, with the remedy', () => {
    const lack = lackOf(PQC);

    if (hasHybridGroup) expect(lack).toBeUndefined();
    else expect(lack).toMatch(/^OpenSSL \S+ of Node \S+ does not know X25519MLKEM768; it takes OpenSSL 3.5/);
  });

  it('pqc together with TLS 1.2', () => {
    expect(lackOf({ tls12: true, compliance: 'pqc' })).toMatch(/TLS 1.2 cannot be allowed/);
  });
});
