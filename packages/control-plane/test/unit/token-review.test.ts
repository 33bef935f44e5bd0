import { silentLogger } from '@isthmus/sdk/runtime';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { createReviewVerifier } from '../../src/ca/index.js';
import { generateKey, issueToken } from '../../src/index.js';

const KEY = generateKey();
const GOOD = {
  authenticated: true,
  audiences: ['istio-ca'],
  user: { username: 'system:serviceaccount:shop:web', groups: ['system:serviceaccounts'], extra: {} },
};

function verifier() {
  const clock = createVirtualClock();
  const open: (() => void)[] = [];
  const counts = { asked: 0 };
  const init = { isHolding: false };
  const tokens = createReviewVerifier({
    audience: 'istio-ca',
    clock,
    log: silentLogger,
    ask: async () => {
      counts.asked += 1;
      if (init.isHolding) await new Promise<void>((resolve) => open.push(resolve));
      return GOOD;
    },
  });
  const token = (serviceAccount: string, ttlMs = 600_000) =>
    issueToken({
      key: KEY,
      issuer: 'k8s',
      audience: 'istio-ca',
      namespace: 'shop',
      serviceAccount,
      now: clock.now(),
      ttlMs,
    });
  return { clock, counts, init, tokens, token, open };
}

describe('answers of token reviews', () => {
  it('hold for ten seconds, and no longer than the token', async () => {
    const { clock, counts, tokens, token } = verifier();
    const [long, short] = [await token('web'), await token('web', 4_000)];
    await tokens.verify(long);
    await tokens.verify(short);

    clock.advance(3_999);
    await tokens.verify(long);
    await tokens.verify(short);
    const held = counts.asked;
    clock.advance(1);
    const late = await tokens.verify(short);
    clock.advance(6_000);
    await tokens.verify(long);

    expect(held).toBe(2);
    expect(late).toMatchObject({
      ok: false,
      reason: expect.stringContaining('it expired at 2026-01-01T00:00:04.000Z'),
    });
    expect(counts.asked).toBe(3);
  });

  it('are waited for by a hundred tokens at a time, and by all who come with the same token', async () => {
    const { counts, init, tokens, token, open } = verifier();
    init.isHolding = true;
    const texts = await Promise.all(Array.from({ length: 101 }, (_, index) => token(`web-${index}`)));

    const waiting = texts.slice(0, 100).map((text) => tokens.verify(text));
    const [beyond, again] = [await tokens.verify(texts[100]!), tokens.verify(texts[0]!)];
    for (const resolve of open) resolve();

    expect(beyond).toEqual({ ok: false, reason: 'too many tokens are being reviewed at this moment; try again' });
    expect((await Promise.all([...waiting, again])).every(({ ok }) => ok)).toBe(true);
    expect(counts.asked).toBe(100);
  });

  it('are asked for again when they were no', async () => {
    let asked = 0;
    const tokens = createReviewVerifier({
      audience: 'istio-ca',
      clock: createVirtualClock(),
      log: silentLogger,
      ask: async () => {
        asked += 1;
        return asked === 1 ? { authenticated: false } : GOOD;
      },
    });
    const text = await issueToken({
      key: KEY,
      issuer: 'k8s',
      audience: 'istio-ca',
      namespace: 'shop',
      serviceAccount: 'web',
      now: Date.UTC(2026, 0, 1),
      ttlMs: 60_000,
    });

    const answers = [await tokens.verify(text), await tokens.verify(text)];

    expect(answers.map(({ ok }) => ok)).toEqual([false, true]);
  });

  it('are not asked for what is no JWT', async () => {
    const { counts, tokens } = verifier();

    expect(await tokens.verify('no.jwt.at all')).toEqual({ ok: false, reason: 'it is not a JWT' });
    expect(counts.asked).toBe(0);
  });
});
