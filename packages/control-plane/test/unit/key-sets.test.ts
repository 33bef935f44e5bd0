/** The keys of an issuer at a URL, over real HTTP and a virtual clock. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@isthmus/sdk/runtime';
import { createVirtualClock, type VirtualClock } from '@isthmus/sdk/testing';
import { exportJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KeySet, readJwks, remoteKeySet } from '../../src/ca/key-sets.js';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const JWK = await exportJWK(publicKey);
const jwks = (...kids: readonly string[]) => JSON.stringify({ keys: kids.map((kid) => ({ ...JWK, kid })) });

let clock: VirtualClock;
let answer: RequestListener;
let asked: number;
let url: string;
let close: () => void;
beforeEach(async () => {
  clock = createVirtualClock();
  asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => close());

function keySet(signal = new AbortController().signal): KeySet {
  return remoteKeySet({ url, clock, log: silentLogger, signal });
}

async function knows(keys: KeySet, kid: string): Promise<boolean> {
  return Promise.resolve(keys.resolve({ alg: 'ES256', kid }, { payload: '', signature: '' })).then(
    () => true,
    () => false,
  );
}

describe('keys at a URL', () => {
  it('are fetched once for many that ask, and again when they are old', async () => {
    answer = (_request, response) => response.end(jwks('1'));
    const keys = keySet();

    await Promise.all([knows(keys, '1'), knows(keys, '1'), knows(keys, '1')]);
    const first = asked;
    clock.advance(601_000);
    await knows(keys, '1');

    expect([first, asked]).toEqual([1, 2]);
  });

  it('are fetched again for a key that they lack, at most each 30 s', async () => {
    answer = (_request, response) => response.end(jwks('1'));
    const keys = keySet();
    await knows(keys, '1');
    answer = (_request, response) => response.end(jwks('1', '2'));

    const early = await knows(keys, '2');
    clock.advance(30_000);
    const late = await knows(keys, '2');

    expect([early, late, asked]).toEqual([false, true, 2]);
  });

  it('count on while they cannot be fetched', async () => {
    answer = (_request, response) => response.end(jwks('1'));
    const keys = keySet();
    await knows(keys, '1');
    answer = (_request, response) => response.writeHead(503).end();

    clock.advance(3_600_000);
    const known = await knows(keys, '1');

    expect([known, asked]).toEqual([true, 2]);
  });

  it('are not taken from a document without end', async () => {
    answer = (_request, response) => {
      response.on('error', () => {});
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    };

    expect(await knows(keySet(), '1')).toBe(false);
  });
});

describe('a JWKS', () => {
  it.each([
    ['nonsense', 'it is no JSON'],
    ['{}', 'it is no JWKS with at least one key'],
    ['{"keys": []}', 'it is no JWKS with at least one key'],
  ])('%s is refused', (text, message) => {
    expect(() => readJwks(text)).toThrow(message);
  });
});
