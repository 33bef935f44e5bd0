import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncodedResource, EncodedResources } from '../../src/xds/encode.js';
import { createHoldings, type Holdings } from '../../src/xds/holdings.js';
import { RUNS } from '../support/arbitraries.js';

const resource = (name: string, version: string): EncodedResource => ({
  name,
  version,
  bytes: new Uint8Array(),
  size: 0,
});
const table = (versions: Readonly<Record<string, string>>): EncodedResources =>
  new Map(Object.entries(versions).map(([name, version]) => [name, resource(name, version)]));

function contents(holdings: Holdings): Record<string, string | undefined> {
  return Object.fromEntries([...holdings.names()].map((name) => [name, holdings.version(name)]));
}

const names = fc.constantFrom('a', 'b', 'c', 'd');
const versions = fc.dictionary(names, fc.constantFrom('1', '2'), { noNullPrototype: true });
const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), versions }),
  fc.record({ kind: fc.constant('settle' as const), versions }),
  fc.record({ kind: fc.constant('remove' as const), names: fc.array(names) }),
);

describe('what a subscriber holds', () => {
  it('is what a plain table of its own would have, whatever it is sent, loses, and settles for', () => {
    fc.assert(
      fc.property(versions, fc.array(step, { maxLength: 8 }), (initial, steps) => {
        const holdings = createHoldings(Object.entries(initial));
        let plain = new Map(Object.entries(initial));

        for (const each of steps) {
          if (each.kind === 'remove') {
            holdings.remove(each.names);
            for (const name of each.names) plain.delete(name);
          } else if (each.kind === 'settle') {
            holdings.settle(table(each.versions));
            plain = new Map(Object.entries(each.versions));
          } else {
            holdings.add([...table(each.versions).values()]);
            for (const [name, version] of Object.entries(each.versions)) plain.set(name, version);
          }
        }

        expect(holdings.size).toBe(plain.size);
        expect(contents(holdings)).toEqual(Object.fromEntries(plain));
      }),
      RUNS,
    );
  });

  it('of one is not touched by what another is sent, though they share a table', () => {
    const all = table({ a: '1', b: '1' });
    const [one, other] = [createHoldings([]), createHoldings([])];
    for (const each of [one, other]) each.settle(all);

    one.add([resource('a', '2')]);
    one.remove(['b']);

    expect(contents(one)).toEqual({ a: '2' });
    expect(contents(other)).toEqual({ a: '1', b: '1' });
  });
});
