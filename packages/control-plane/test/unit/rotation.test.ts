import { describe, expect, it } from 'vitest';
import { judgeAdd, judgeDrop, judgeSwitch, type RotationState } from '../../src/ca/rotation.js';

const HOUR_MS = 3_600_000;
const NOW = Date.parse('2026-06-01T00:00:00Z');
const ago = (hours: number) => new Date(NOW - hours * HOUR_MS).toISOString();
const at = (root: string) => ({ root, longestLifeMs: 24 * HOUR_MS, now: NOW });

function state(init: Partial<RotationState> = {}): RotationState {
  return { roots: ['old', 'new'], anchor: 'old', record: { roots: {} }, ...init };
}

describe('a root may be added', () => {
  it('unless it is there already', () => {
    expect(judgeAdd(state(), { root: 'third' })).toEqual({ kind: 'go' });
    expect(judgeAdd(state(), { root: 'new' })).toMatchObject({ kind: 'never' });
  });
});

describe('the CA may be switched', () => {
  it('to a root that has been trusted for as long as a certificate lives', () => {
    const added = (hours: number) => state({ record: { roots: { new: { addedAt: ago(hours) } } } });

    expect(judgeSwitch(added(24), at('new'))).toEqual({ kind: 'go' });
    expect(judgeSwitch(added(23), at('new'))).toEqual({
      kind: 'early',
      reason: expect.stringContaining('may not trust it before 2026-06-01T01:00:00.000Z'),
    });
  });

  it('never to a root that nobody trusts', () => {
    expect(judgeSwitch(state(), at('third'))).toEqual({
      kind: 'never',
      reason: expect.stringContaining('"cacerts add-root" first'),
    });
  });

  it('to one that has been there from the beginning', () => {
    expect(judgeSwitch(state(), at('new'))).toEqual({ kind: 'go' });
  });
});

describe('a root may be dropped', () => {
  it('when the last certificate below it has ended', () => {
    const left = (hours: number) => state({ anchor: 'new', record: { roots: { old: { leftAt: ago(hours) } } } });

    expect(judgeDrop(left(24), at('old'))).toEqual({ kind: 'go' });
    expect(judgeDrop(left(2), at('old'))).toEqual({
      kind: 'early',
      reason: expect.stringContaining('they may live until 2026-06-01T22:00:00.000Z'),
    });
  });

  it('never while something is signed below it', () => {
    expect(judgeDrop(state(), at('old'))).toEqual({
      kind: 'never',
      reason: expect.stringContaining('"cacerts switch"'),
    });
  });

  it('when it was added and never used, and not without a question when nothing is on record', () => {
    expect(judgeDrop(state({ record: { roots: { new: { addedAt: ago(1) } } } }), at('new'))).toEqual({ kind: 'go' });
    expect(judgeDrop(state(), at('new'))).toMatchObject({ kind: 'early' });
    expect(judgeDrop(state(), at('third'))).toMatchObject({ kind: 'never' });
  });
});
