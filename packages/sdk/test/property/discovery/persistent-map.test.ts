import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyMap, type PersistentMap } from '../../../src/discovery/state/persistent-map.js';

type Edit = { readonly key: string; readonly value: number | undefined };

const edits = (keys: fc.Arbitrary<string>) =>
  fc.array(fc.record({ key: keys, value: fc.option(fc.nat(9), { nil: undefined, freq: 3 }) }), {
    maxLength: 200,
    size: 'max',
  });

const fewKeys = fc.nat(300).map((index) => `key-${index}`);

function applyTo(map: PersistentMap<number>, batch: readonly Edit[]): PersistentMap<number> {
  const draft = map.edit();
  for (const { key, value } of batch) {
    if (value === undefined) draft.delete(key);
    else draft.set(key, value);
  }
  return draft.finish();
}

function applyToReference(map: ReadonlyMap<string, number>, batch: readonly Edit[]): ReadonlyMap<string, number> {
  const copy = new Map(map);
  for (const { key, value } of batch) {
    if (value === undefined) copy.delete(key);
    else copy.set(key, value);
  }
  return copy;
}

function expectEqual(map: PersistentMap<number>, reference: ReadonlyMap<string, number>): void {
  expect(map.size).toBe(reference.size);
  expect([...map.values()].sort()).toEqual([...reference.values()].sort());
  for (const [key, value] of reference) expect(map.get(key)).toBe(value);
}

/**
 * Keys with the FNV-1a hash of `target`: a step of FNV is (state ^ unit) * prime and the prime has an inverse, so for most
 * prefixes some pair of UTF-16 units leads to any hash one likes.
 */
function collidingKeys(count: number): string[] {
  const prime = 0x01000193;
  const primeInverse = 0x359c449b;
  const step = (state: number, unit: number) => Math.imul(state ^ unit, prime) >>> 0;
  const wanted = Math.imul(0x12345678, primeInverse) >>> 0;
  const keys: string[] = [];
  for (let prefix = 0; keys.length < count; prefix++) {
    const state = [...`k${prefix}`].reduce((hash, letter) => step(hash, letter.charCodeAt(0)), 0x811c9dc5);
    for (let first = 0; first < 65_536; first++) {
      const second = (step(state, first) ^ wanted) >>> 0;
      if (second < 65_536) keys.push(`k${prefix}${String.fromCharCode(first, second)}`);
    }
  }
  return keys.slice(0, count);
}

describe('a persistent map', () => {
  it('holds what a Map holds after any batches, and every version stays as it was', () => {
    fc.assert(
      fc.property(fc.array(edits(fewKeys), { maxLength: 8, size: 'max' }), (batches) => {
        const versions = [{ map: emptyMap<number>(), reference: new Map() as ReadonlyMap<string, number> }];
        for (const batch of batches) {
          const { map, reference } = versions.at(-1)!;
          versions.push({ map: applyTo(map, batch), reference: applyToReference(reference, batch) });
        }

        for (const { map, reference } of versions) expectEqual(map, reference);
      }),
      { seed: 11, numRuns: 50 },
    );
  });

  it('takes any text for a key', () => {
    fc.assert(
      fc.property(edits(fc.string({ unit: 'grapheme', maxLength: 5 })), (batch) => {
        expectEqual(applyTo(emptyMap(), batch), applyToReference(new Map(), batch));
      }),
      { seed: 12 },
    );
  });

  it('keeps keys of equal hash apart, however many', () => {
    const keys = collidingKeys(100);
    const map = applyTo(
      emptyMap(),
      keys.map((key, value) => ({ key, value })),
    );

    const emptied = applyTo(
      map,
      keys.map((key) => ({ key, value: undefined })),
    );

    expectEqual(map, new Map(keys.map((key, value) => [key, value])));
    expectEqual(emptied, new Map());
  });

  it('is the very same map when an edit changed nothing', () => {
    const map = applyTo(emptyMap(), [{ key: 'a', value: 1 }]);

    const same = applyTo(map, [
      { key: 'a', value: 1 },
      { key: 'b', value: undefined },
    ]);

    expect(same).toBe(map);
  });
});
