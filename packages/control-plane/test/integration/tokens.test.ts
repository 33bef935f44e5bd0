/** Tokens of several issuers, and keys that change, as callers of a real control plane meet them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { exportJWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.js';
import { readPrivateKey } from '../../src/index.js';
import { makeRequest } from '../support/csr.js';
import { namespace } from '../support/objects.js';
import { openStream, proxyNode, requestCertificate, startPlane, type TestPlane } from '../support/plane.js';
import { ADDRESS, request } from '../support/xds.js';

const ISSUER = 'https://issuer.example';
const CLUSTERS = { east: { 'a.yaml': [namespace('shop')] } };

interface ForeignKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const closing: (() => Promise<unknown> | unknown)[] = [];
let csr: string;
beforeEach(async () => {
  ({ csr } = await makeRequest());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(init: Partial<Parameters<typeof startPlane>[0]> = {}): Promise<TestPlane> {
  const test = await startPlane({ clusters: CLUSTERS, ...init });
  closing.push(test.close);
  return test;
}

function foreignKey(kid: string): ForeignKey {
  return { kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
}

async function jwksOf(...keys: readonly ForeignKey[]): Promise<string> {
  const jwks = keys.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg: 'RS256' }));
  return JSON.stringify({ keys: await Promise.all(jwks) });
}

function sign({ kid, privateKey }: ForeignKey, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const sub = 'system:serviceaccount:shop:reviews';
  return new SignJWT({ iss: ISSUER, aud: 'istio-ca', sub, exp: now + 60, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid })
    .sign(privateKey);
}

function isAccepted(test: TestPlane, token: string): Promise<boolean> {
  return requestCertificate(test, { csr, token }).then(
    () => true,
    () => false,
  );
}

async function refusal(test: TestPlane, token: string): Promise<string> {
  return requestCertificate(test, { csr, token }).then(
    () => 'accepted',
    ({ code, details }: ServiceError) => `${status[code]}: ${details}`,
  );
}

async function run(...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const program = createProgram('0', { out: (text) => lines.push(text), err: () => {} });
  await program.exitOverride().parseAsync([...args], { from: 'user' });
  return lines.join('\n');
}

/** A server of a JWKS, which is the test's. */
async function serveJwks(answer: () => { readonly code: number; readonly text: string }) {
  let asked = 0;
  const server: Server = createServer((_request, response) => {
    asked += 1;
    const { code, text } = answer();
    response.writeHead(code).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`, asked: () => asked };
}

describe('an expired token', () => {
  it('is refused by the CA and by discovery with whose it is, when it ended and what to do', async () => {
    const test = await start();
    const token = await test.token({ pod: 'ztunnel-1', node: 'node-1', ttlMs: -60_000 });
    const remedy =
      /^the token was refused: that of istio-system\/ztunnel has expired, at 20.*Z; issue a new one: isthmus-control-plane token --config <file> --namespace istio-system --service-account ztunnel --pod ztunnel-1 --node node-1$/;

    const certificates = await refusal(test, token);
    const stream = openStream(test, { token });
    stream.send(request(ADDRESS, { node: proxyNode() }));
    const discovery = await stream.ended;

    expect(certificates.replace('UNAUTHENTICATED: ', '')).toMatch(remedy);
    expect(discovery.code).toBe(status.UNAUTHENTICATED);
    expect(discovery.details).toMatch(remedy);
    expect(test.logs.filter(({ message }) => message === 'call refused: caller not authenticated')).toHaveLength(2);
  });
});

describe('the own key of tokens', () => {
  it('is replaced while both count, and those before count no longer when they are dropped', async () => {
    const test = await start();
    const keyFile = join(test.directory, 'token-key.pem');
    const old = await test.token({});

    const rotated = await run('token', 'rotate-key', '--key-file', keyFile);
    await test.logged(({ message }) => message === 'keys of tokens replaced');
    const fresh = await test.token({ key: await readPrivateKey(keyFile) });
    const during = [await isAccepted(test, old), await isAccepted(test, fresh)];
    await expect(run('token', 'drop-keys', '--key-file', keyFile)).rejects.toThrow('may count until');
    await run('token', 'drop-keys', '--key-file', keyFile, '--force');
    const after = async () => !(await isAccepted(test, old));
    while (!(await after())) await new Promise((resolve) => setTimeout(resolve, 5));

    expect(rotated).toMatch(/signs, 2 verify$/);
    expect(during).toEqual([true, true]);
    expect(await isAccepted(test, fresh)).toBe(true);
    expect(await refusal(test, old)).toContain('not signed by any key of isthmus-control-plane');
    await expect(run('token', 'drop-keys', '--key-file', keyFile)).rejects.toThrow('one key only');
  });

  it('stays in force while its file cannot be used', async () => {
    const test = await start();
    const token = await test.token({});

    await test.write('.', 'token-key.pem', 'nothing');
    const line = await test.logged(({ message }) => message === 'keys of tokens stays as it was before');

    expect(line).toMatchObject({ reason: expect.stringContaining('it holds no key in PEM') });
    expect(await isAccepted(test, token)).toBe(true);
  });
});

describe('tokens of another issuer', () => {
  it('are verified by the keys of a file, which may be replaced', async () => {
    const [first, second] = [foreignKey('1'), foreignKey('2')];
    const test = await start({
      files: { 'jwks.json': await jwksOf(first) },
      tokens: `issuers: [{issuer: '${ISSUER}', jwksFile: jwks.json}]`,
    });

    const before = [await isAccepted(test, await sign(first)), await isAccepted(test, await sign(second))];
    await test.write('.', 'jwks.json', await jwksOf(first, second));
    await test.logged(({ message }) => message === 'keys of tokens replaced');
    const after = [await isAccepted(test, await sign(first)), await isAccepted(test, await sign(second))];

    expect(before).toEqual([true, false]);
    expect(after).toEqual([true, true]);
    expect(await isAccepted(test, await test.token({}))).toBe(true);
  });

  it('are verified by the keys of a URL, which is asked once for a key that it lacks, and then not for a while', async () => {
    const [first, second, third] = [foreignKey('1'), foreignKey('2'), foreignKey('3')];
    const served = await jwksOf(first, second);
    const { url, asked } = await serveJwks(() => ({ code: 200, text: served }));
    const test = await start({ tokens: `issuers: [{issuer: '${ISSUER}', jwksUrl: '${url}'}]` });

    const outcomes = [];
    for (const key of [first, second, third, third]) outcomes.push(await isAccepted(test, await sign(key)));

    expect(outcomes).toEqual([true, true, false, false]);
    expect(asked()).toBe(1);
  });

  it('are refused, with a reason, while their keys cannot be had', async () => {
    const key = foreignKey('1');
    const { url } = await serveJwks(() => ({ code: 500, text: '' }));
    const test = await start({ tokens: `issuers: [{issuer: '${ISSUER}', jwksUrl: '${url}'}]` });

    const reason = await refusal(test, await sign(key));

    expect(reason).toContain(`the keys of ${ISSUER} are not known at this moment`);
    expect(test.logs).toContainEqual(expect.objectContaining({ url, reason: 'it answers 500' }));
  });

  it('say what is wrong with them', async () => {
    const key = foreignKey('1');
    const test = await start({
      files: { 'jwks.json': await jwksOf(key) },
      tokens: `issuers: [{issuer: '${ISSUER}', jwksFile: jwks.json}]`,
    });
    const past = Math.floor(Date.now() / 1000) - 60;

    const reasons = [
      await refusal(test, await sign(key, { exp: past })),
      await refusal(test, await sign(key, { aud: 'vault' })),
      await refusal(test, await sign(key, { sub: 'jane' })),
      await refusal(test, await sign(key, { nbf: past + 600 })),
      await refusal(test, await sign(key, { iss: 'https://nobody.example' })),
    ];

    expect(reasons).toEqual([
      expect.stringMatching(/that of shop\/reviews has expired, at .*; see that the proxy reads the newest token of/),
      expect.stringContaining('that of shop/reviews is for the audience vault, not istio-ca'),
      expect.stringContaining('its subject "jane" is not system:serviceaccount:'),
      expect.stringContaining('that of shop/reviews is not valid yet; compare the clocks'),
      expect.stringContaining('its issuer "https://nobody.example" is not known here; known are'),
    ]);
  });
});
