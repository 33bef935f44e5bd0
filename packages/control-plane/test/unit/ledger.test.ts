import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { createLedger } from '../../src/ca/ledger.js';

const HOUR_MS = 3_600_000;
const START = Date.parse('2026-06-01T00:30:00Z');

describe('the ledger of certificates', () => {
  it('counts those that may live below each root, until they have expired', () => {
    const clock = createVirtualClock(START);
    const ledger = createLedger(() => clock.now());
    ledger.record({ root: 'old', told: ['old'], notAfter: START + HOUR_MS });
    ledger.record({ root: 'old', told: ['old'], notAfter: START + 24 * HOUR_MS });

    const before = ledger.of('old');
    clock.advance(3 * HOUR_MS);
    const between = ledger.of('old');
    clock.advance(22 * HOUR_MS);
    const after = ledger.of('old');

    expect(before).toMatchObject({ issued: 2, until: Date.parse('2026-06-02T01:00:00Z') });
    expect(between.issued).toBe(1);
    expect(after).toEqual({ issued: 0, until: undefined, untoldUntil: undefined });
  });

  it('says until when somebody may live who was not told of a root', () => {
    const ledger = createLedger(() => START);
    ledger.record({ root: 'old', told: ['old'], notAfter: START + 5 * HOUR_MS });
    ledger.record({ root: 'old', told: ['old', 'new'], notAfter: START + 24 * HOUR_MS });

    const [old, fresh] = [ledger.of('old'), ledger.of('new')];

    expect(old.untoldUntil).toBeUndefined();
    expect(fresh).toEqual({ issued: 0, until: undefined, untoldUntil: Date.parse('2026-06-01T06:00:00Z') });
  });
});
