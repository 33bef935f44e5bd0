import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec.js';
import type { Codec } from '../../src/types.js';
import { hex } from '../support/bytes.js';
import { callsOf, handlerOf } from '../support/calls.js';
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
  test('calls no more, also when it is closed by a call', () => {
    const decoder = codecOf(1).openDecoder(client);
    const names: string[] = [];
    const handler = handlerOf({
      settings: () => {
        names.push('settings');
        decoder.close();
      },
    });

    decoder.read(hex(`${SETTINGS} ${SETTINGS} 000001 00 01 00000001 61`), handler);

    expect(names).toEqual(['settings']);
  });

  test.each([
    ['payload', '000001 00 00 00000001 61'],
    ['the first part of a payload', '000009 00 00 00000001 61'],
    ['padded payload', '000003 00 08 00000001 01 61 00'],
    ['WINDOW_UPDATE', '000004 08 00 00000001 00000001'],
    ['a header block', '000001 01 04 00000001 88'],
    ['a broken rule of a stream', '000004 08 00 00000001 00000000'],
  ])('by a call for %s reads nothing after it', (_what, bytes) => {
    const codec = codecOf(1);
    const decoder = codec.openDecoder(client);
    callsOf(decoder, hex(SETTINGS));
    let calls = 0;
    const close = (): void => {
      calls++;
      decoder.close();
    };
    const handler = handlerOf({ data: close, windowUpdate: close, headers: close, streamError: close, ping: close });

    decoder.read(hex(`${bytes} 000008 06 00 00000000 0000000000000000 000001 00 00 00000001 61`), handler);

    expect(calls).toBe(1);
    expect(codec.slots.leased).toBe(0);
  });

  test('refuses bytes', () => {
    const decoder = codecOf(1).openDecoder(client);
    decoder.close();

    expect(() => callsOf(decoder, hex(SETTINGS))).toThrowError('DECODER_CLOSED');
  });
});
