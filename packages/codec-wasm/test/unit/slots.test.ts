import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec.js';
import { CodecError } from '../../src/errors.js';
import { type Codec, Event } from '../../src/types.js';
import { hex } from '../support/bytes.js';
import { logOf } from '../support/log.js';
import { KEYS, NAMES } from '../support/names.js';
import { LIMITS } from '../support/subjects.js';
import { SETTINGS } from '../vectors/vector.js';

const codecOf = (slots: number): Codec => createCodec({ headerNames: NAMES, baggageKeys: KEYS, slots });
const client = { ...LIMITS, role: 'client' } as const;

describe('slots', () => {
  test('are counted while they are leased', () => {
    const codec = codecOf(3);

    const first = codec.openDecoder(client);
    const second = codec.openDecoder(client);
    first.close();

    expect(codec.slots).toMatchObject({ capacity: 3, leased: 1 });
    second.close();
    expect(codec.slots.leased).toBe(0);
  });

  test('that are all leased are refused by a typed error, and nobody else is harmed', () => {
    const codec = codecOf(1);
    const held = codec.openDecoder(client);

    const open = (): unknown => codec.openDecoder(client);

    expect(open).toThrowError(expect.objectContaining({ name: 'CodecError', code: 'SLOTS_EXHAUSTED', http2Code: 11 }));
    expect(codec.slots.leased).toBe(1);
    expect(logOf(held, [hex(SETTINGS)])).toHaveLength(1);
  });

  test('are given back once, however often close is called', () => {
    const codec = codecOf(2);
    const decoder = codec.openDecoder(client);
    const other = codec.openDecoder(client);

    decoder.close();
    decoder.close();

    expect(codec.slots.leased).toBe(1);
    other.close();
  });

  test('forget the connection that had them: dynamic table, half a frame, a broken rule', () => {
    const codec = codecOf(1);
    const before = codec.openDecoder(client);
    logOf(before, [hex(`${SETTINGS} 000007 01 04 00000001 88 4001 61 01 62 000000 00 00`)]);
    before.close();

    const after = codec.openDecoder(client);
    const log = logOf(after, [hex(`${SETTINGS} 000001 01 04 00000001 be`)]);

    expect(log).toMatchObject([{ event: 'settings' }, { event: 'error', code: 'HPACK_INDEX' }]);
  });

  test('keep connections apart that are read in turns', () => {
    const codec = codecOf(2);
    const decoders = [codec.openDecoder(client), codec.openDecoder(client)] as const;
    const parts = (name: string): string[] => [
      `${SETTINGS} 000006 01 04`,
      `00000001 88 4001 ${name}`,
      '01 62 000001 01 04 00000003 be',
    ];

    const logs: unknown[][] = [[], []];
    for (const [i, part] of parts('61').entries()) {
      logs[0]?.push(...logOf(decoders[0], [hex(part)]));
      logs[1]?.push(...logOf(decoders[1], [hex(parts('7a')[i] as string)]));
    }

    expect(logs[0]?.at(-1)).toMatchObject({ streamId: 3, fields: [['a', 'b', -1]] });
    expect(logs[1]?.at(-1)).toMatchObject({ streamId: 3, fields: [['z', 'b', -1]] });
  });
});

describe('a closed decoder', () => {
  test('has no more events, also when it is closed between two of them', () => {
    const decoder = codecOf(1).openDecoder(client);
    decoder.push(hex(`${SETTINGS} ${SETTINGS}`));

    const kind = decoder.next();
    decoder.close();

    expect(kind).toBe(Event.Settings);
    expect(decoder.next()).toBe(Event.None);
    expect(decoder.settingsCount).toBe(0);
  });

  test('refuses bytes', () => {
    const decoder = codecOf(1).openDecoder(client);
    decoder.close();

    expect(() => decoder.push(hex(SETTINGS))).toThrowError(CodecError);
  });
});
