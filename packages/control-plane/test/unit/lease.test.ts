import { describe, expect, it } from 'vitest';
import { claimLease, type LeaseSpec, releaseLease, seeLease } from '../../src/writer/lease.js';

const NOW = Date.UTC(2026, 0, 1);
const TIME = '2026-01-01T00:00:00.000000Z';
const BEFORE = '2025-12-31T23:59:00.000000Z';
const turn = { identity: 'me', durationSeconds: 15, now: NOW, monotonicMs: 100_000 };

function seen(spec: LeaseSpec, sinceMs = 99_000) {
  return { spec, resourceVersion: '7', sinceMs };
}

describe('a Lease', () => {
  it('is made by the first who comes', () => {
    expect(claimLease(undefined, turn)).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: TIME,
      renewTime: TIME,
      leaseTransitions: 0,
    });
  });

  it('is renewed by its holder without a transition', () => {
    const spec = { holderIdentity: 'me', acquireTime: BEFORE, renewTime: BEFORE, leaseTransitions: 3 };

    expect(claimLease(seen(spec), turn)).toMatchObject({ acquireTime: BEFORE, renewTime: TIME, leaseTransitions: 3 });
  });

  it.each([
    ['another holds it', { holderIdentity: 'you', leaseDurationSeconds: 15 }, 85_001, false],
    ['another held it and did not renew it', { holderIdentity: 'you', leaseDurationSeconds: 15 }, 85_000, true],
    ['another holds it for longer than we would', { holderIdentity: 'you', leaseDurationSeconds: 60 }, 85_000, false],
    ['it was given back', { holderIdentity: '', leaseDurationSeconds: 1 }, 100_000, true],
    ['it says nothing', {}, 100_000, true],
  ])('when %s', (_when, spec, sinceMs, isTaken) => {
    const claim = claimLease(seen({ ...spec, leaseTransitions: 3 }, sinceMs), turn);

    expect(claim).toEqual(
      isTaken ? expect.objectContaining({ holderIdentity: 'me', acquireTime: TIME, leaseTransitions: 4 }) : undefined,
    );
  });

  it('runs from when its change was seen, whatever the clock of its holder says', () => {
    const lease = (resourceVersion: string) => ({ metadata: { resourceVersion }, spec: { renewTime: BEFORE } });

    const first = seeLease(lease('7'), undefined, 1_000);
    const same = seeLease(lease('7'), first, 5_000);
    const renewed = seeLease(lease('8'), same, 6_000);

    expect([first, same, renewed].map(({ sinceMs }) => sinceMs)).toEqual([1_000, 1_000, 6_000]);
  });

  it('given back has no holder and keeps its count', () => {
    expect(releaseLease({ holderIdentity: 'me', leaseTransitions: 3 }, NOW)).toMatchObject({
      holderIdentity: '',
      leaseTransitions: 3,
    });
  });
});
