/** What the encoders write, both implementations read back whole, and so do the readers of other meshes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBaggageEncoder, encodeBaggage } from '../../src/encode/baggage.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { STATIC_TABLE } from '../../src/encode/static-table.js';
import { concat, frame, hex } from '../support/bytes.js';
import { KEYS } from '../support/names.js';
import { decode, LIMITS, subjects, wasm } from '../support/subjects.js';
import { PREFACE, SETTINGS } from '../vectors/vector.js';

const SEED = { seed: 20260722, numRuns: 1000 };
const anyText = fc.string({ unit: 'binary', maxLength: 30 });
const values = fc.array(fc.option(anyText, { nil: undefined }), { maxLength: KEYS.length });

describe.each(subjects)('%s', (_name, codec) => {
  test('any value of any key comes back from the baggage it was written to', () => {
    const property = fc.property(values, (written) => {
      const read = codec.decodeBaggage([encodeBaggage(KEYS, written)]);

      const expected = KEYS.map((_, i) => (written[i] === '' ? undefined : written[i]));
      expect(KEYS.map((_, i) => read.get(i))).toEqual(expected);
    });
    fc.assert(property, SEED);
  });

  test('any sendable field comes back from the block it was written to', () => {
    const name = fc.oneof(
      fc.constantFrom(...STATIC_TABLE.map(([text]) => text).filter((text) => !/^:|^transfer-/.test(text))),
      fc.stringMatching(/^[a-z0-9!#$&'*+.^_`|~-]{1,20}$/).filter((text) => !/^te$|^upgrade$|^connection$/.test(text)),
    );
    const text = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,150}[!-~\x80-\xff])?$/);
    const property = fc.property(fc.array(fc.tuple(name, fc.oneof(fc.constant(''), text))), (fields) => {
      const bytes = concat(hex(SETTINGS), frame(1, 4, 1, encodeHeaderBlock([[':status', '200'], ...fields])));

      const [, entry] = decode(codec, { ...LIMITS, role: 'client' }, [bytes]);

      const read = entry?.event === 'headers' ? entry.fields.map(([key, value]) => [key, value]) : entry;
      expect(read).toEqual([[':status', '200'], ...fields]);
    });
    fc.assert(property, SEED);
  });
});

describe('the static table is the same on both sides of the boundary', () => {
  /** Fields that make a message of an entry: pseudo-header fields need their company. */
  const COMPANY: readonly [name: string, value: string][] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
  ];

  test.each(STATIC_TABLE.map(([name, value], row) => [row + 1, name, value] as const))(
    'entry %d, %s: %s',
    (index, name, value) => {
      const isRequest = name.startsWith(':') && name !== ':status';
      const company = encodeHeaderBlock(isRequest ? COMPANY.filter(([other]) => other !== name) : []);
      const open = hex(isRequest ? PREFACE + SETTINGS : SETTINGS);
      const bytes = concat(open, frame(1, 4, 1, concat(company, Uint8Array.of(0x80 | index))));

      const [, entry] = decode(wasm, { ...LIMITS, role: isRequest ? 'server' : 'client' }, [bytes]);

      // HTTP/2 forbids one of the names: that it is known as such says that its entry is right.
      const expected = name === 'transfer-encoding' ? 'FIELD_CONNECTION_SPECIFIC' : [name, value];
      if (entry?.event === 'stream-error') expect(entry.violation).toBe(expected);
      else expect(entry).toMatchObject({ fields: expect.arrayContaining([[...expected, expect.any(Number)]]) });
    },
  );
});

test('readers that only split on "," and "=" see each value whole, escapes and all', () => {
  const encode = createBaggageEncoder(KEYS);
  const property = fc.property(values, (written) => {
    const text = encode(written);

    const pairs = text === '' ? [] : text.split(',').map((member) => member.split('='));
    const expected = KEYS.flatMap((key, i) => (written[i] ? [[key, expect.any(String)]] : []));
    expect(pairs).toEqual(expected);
    expect(text).toMatch(/^[!#-+\--:<-[\]-~,]*$/);
  });
  fc.assert(property, SEED);
});
