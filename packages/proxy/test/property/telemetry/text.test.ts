import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pair } from '../../../src/telemetry/label-sets.js';
import { formatEntry } from '../../../src/telemetry/log-lines.js';
import { parseMetrics } from '../../support/telemetry.js';

/** Characters that break formats, more often than chance would have them. */
const BREAKING = ['"', '\\', '\n', '\t', '=', '{', '}', ' ', ','];
/** Those that a terminal obeys. */
const STEERING = ['\r', '\x1b', '\x7f', '\x9b', '\u2028'];

const textOf = (characters: readonly string[]) =>
  fc.string({ unit: fc.oneof(fc.constantFrom(...characters), fc.string({ minLength: 1, maxLength: 1 })) });

describe('text made of what peers send', () => {
  it('is one sample with that very value, whatever the value', () => {
    fc.assert(
      fc.property(textOf(BREAKING), (value) => {
        const [sample, ...more] = parseMetrics(`m{${pair('a', value)},${pair('b', 'x')}} 1\n`);

        const unescaped = sample?.labels.a?.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character));
        expect(more).toEqual([]);
        expect(unescaped).toBe(value);
        expect(sample?.labels.b).toBe('x');
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });

  it('is one log line with that very field in both layouts, whatever the value', () => {
    fc.assert(
      fc.property(
        textOf([...BREAKING, ...STEERING]),
        fc.constantFrom('dst.hbone_addr', 'src.workload'),
        (value, name) => {
          const entry = {
            time: 0,
            level: 'info',
            scope: 'access',
            message: 'm',
            fields: [
              [name, value],
              ['last', 1],
            ] as const,
          };

          const plain = formatEntry('plain', entry);
          const json = formatEntry('json', entry);

          expect(plain.indexOf('\n')).toBe(plain.length - 1);
          expect(plain.split('\t')).toHaveLength(5);
          expect(plain.endsWith(' last=1\n')).toBe(true);
          // Tabs are between the fields; nothing else that a terminal would obey.
          expect(plain.slice(0, -1).replaceAll('\t', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
          expect(JSON.parse(json)).toMatchObject({ [name]: value, last: 1 });
        },
      ),
      { numRuns: 1_000, seed: 7 },
    );
  });
});
