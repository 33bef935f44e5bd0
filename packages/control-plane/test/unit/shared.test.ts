import { describe, expect, it } from 'vitest';
import { list, mapOf, shared, string } from '../../src/schema/index.js';
import { parseObject } from '../../src/sources/index.js';
import { pod } from '../support/objects.js';

const noReport = () => {
  throw new Error('nothing is wrong here');
};

describe('a value that is shared', () => {
  it('is one for all that read the equal of it, and another for what differs', () => {
    const labels = shared(mapOf(string()));
    const read = (value: object) => labels.read(value, [], noReport);

    expect(read({ app: 'a' })).toBe(read({ app: 'a' }));
    expect(read({ app: 'b' })).toEqual({ app: 'b' });
    expect(read({ app: 'b' })).not.toBe(read({ app: 'a' }));
  });

  it('is not, when it is long, and begins anew after very many, with the same meaning throughout', () => {
    const texts = shared(list(string()));
    const read = (...value: readonly string[]) => texts.read(value, [], noReport);
    const long = 'x'.repeat(2_000);
    const first = read('first');

    for (let index = 0; index < 20_000; index++) read(`${index}`);

    expect(read('first')).toEqual(first);
    expect(read('first')).not.toBe(first);
    expect(read(long)).toEqual([long]);
    expect(read(long)).not.toBe(read(long));
  });

  it('are what pods of one deployment have in common', () => {
    const [one, two] = ['a-1', 'a-2'].map((name) => {
      const [object] = parseObject(pod(name), { file: 'a.yaml', line: 1, col: 1 }).objects;
      if (object?.kind !== 'Pod') throw new Error('no pod');
      return object;
    });

    expect(two?.metadata.labels).toBe(one?.metadata.labels);
    expect(two?.spec.containers).toBe(one?.spec.containers);
    expect(two?.status.conditions).toBe(one?.status.conditions);
    expect(two?.metadata.name).toBe('a-2');
  });
});
