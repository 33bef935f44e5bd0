import { describe, expect, test } from 'vitest';
import { Memory } from '../../src/abi.js';
import { createCodec } from '../../src/codec.js';
import { WasmConnectionDecoder } from '../../src/connection-decoder.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { CodecError } from '../../src/errors.js';
import { instantiate, register } from '../../src/instance.js';
import { hasSimd } from '../../src/simd.js';
import { SlotPool } from '../../src/slots.js';
import { type ConnectionDecoder, type DecoderInit, Event } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
import { KEYS, NAMES } from '../support/names.js';
import { LIMITS, wasm } from '../support/subjects.js';
import { SETTINGS } from '../vectors/vector.js';

const client = { ...LIMITS, role: 'client' } as const;

/** A decoder that has read the peer's SETTINGS, for the time of a test. */
function withDecoder(use: (decoder: ConnectionDecoder) => void, limits: DecoderInit = client): void {
  const decoder = wasm.openDecoder(limits);
  try {
    decoder.push(hex(SETTINGS));
    while (decoder.next() !== Event.None);
    use(decoder);
  } finally {
    decoder.close();
  }
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
  return undefined;
}

describe('payload', () => {
  test('is a range of the pushed chunk, charged once, ended with its last part', () => {
    withDecoder((decoder) => {
      const seen: unknown[] = [];
      const bytes = frame(0, 1, 1, new Uint8Array(100));

      for (const chunk of [bytes.subarray(0, 20), bytes.subarray(20, 60), bytes.subarray(60)]) {
        decoder.push(chunk);
        while (decoder.next() === Event.Data) {
          seen.push([decoder.start, decoder.end, decoder.flowBytes, decoder.endStream]);
        }
      }

      expect(seen).toEqual([
        [9, 20, 100, false],
        [0, 40, 0, false],
        [0, 49, 0, true],
      ]);
    });
  });

  test('is never copied into wasm', () => {
    const instance = instantiate({ slots: 1, residentBytes: 0, simd: hasSimd() });
    register(instance, ['baggage'], 0, []);
    const shared = { instance, names: [], pool: new SlotPool(1), generation: { current: 0 } };
    const limits = { ...client, maxFrameSize: 1_048_576, maxHeaderBlockSize: 1000, maxContinuations: 1 };
    const decoder = new WasmConnectionDecoder(shared, limits);
    const marked = frame(0, 0, 1, new Uint8Array(1_000_000).fill(0xa5));
    const bytes = concat(hex(SETTINGS), marked, marked);

    let payload = 0;
    for (let at = 0; at < bytes.length; at += 65_536) {
      decoder.push(bytes.subarray(at, at + 65_536));
      for (let kind = decoder.next(); kind !== Event.None; kind = decoder.next()) {
        if (kind === Event.Data) payload += decoder.end - decoder.start;
      }
    }

    const inside = instance.bytes.filter((byte, at) => byte === 0xa5 && at >= Memory.BLOCK_RESULT).length;
    expect(payload).toBe(2_000_000);
    expect(inside).toBeLessThan(Memory.INTERN_TEXT_SIZE / 16);
  });
});

describe('a decoder', () => {
  test('wants a span read to its end before the next one', () => {
    withDecoder((decoder) => {
      decoder.push(hex('000000 04 01 00000000'));

      expect(codeOf(() => decoder.push(hex('00')))).toBe('SPAN_UNREAD');
    });
  });

  test('is dead after a broken rule, and says which one each time', () => {
    withDecoder((decoder) => {
      decoder.push(hex('000000 00 00 00000000'));

      const codes = [() => decoder.next(), () => decoder.next(), () => decoder.push(hex('00'))].map(codeOf);

      expect(codes).toEqual(['DATA_ON_CONNECTION', 'DATA_ON_CONNECTION', 'DATA_ON_CONNECTION']);
    });
  });

  test('reads a thousand frames in one chunk', () => {
    withDecoder((decoder) => {
      const ping = frame(6, 0, 0, new Uint8Array(8));
      decoder.push(concat(...Array.from({ length: 1000 }, () => ping)));

      let pings = 0;
      while (decoder.next() === Event.Ping) pings++;

      expect(pings).toBe(1000);
    });
  });

  test('gives up on a block whose list unpacks to many times its limit', () => {
    withDecoder(
      (decoder) => {
        // One entry of 4 KB, and a byte for each time it is asked for: 6 KB of block for 8 MB of list.
        const long = encodeHeaderBlock([['x', 'v'.repeat(4000)]]);
        const bomb = concat(Uint8Array.of(0x40), long.subarray(1), new Uint8Array(2000).fill(0xbe));
        decoder.push(frame(1, 4, 1, bomb));

        expect(codeOf(() => decoder.next())).toBe('HEADER_LIST_TOO_LARGE');
      },
      { ...client, maxHeaderListSize: 5000 },
    );
  });

  test('takes a table size that was lowered in the middle of a chunk into account from there on', () => {
    withDecoder((decoder) => {
      const block = frame(1, 4, 1, hex('88'));
      decoder.push(concat(block, hex('000000 04 01 00000000'), block));

      const kinds = [decoder.next(), decoder.next()];
      decoder.setHeaderTableSize(0);

      expect(kinds).toEqual([Event.Headers, Event.Settings]);
      expect(codeOf(() => decoder.next())).toBe('HPACK_TABLE_UPDATE_MISSING');
    });
  });

  test.each([
    ['to the lowest, then to the last', '3f45 3f a9 01 88', Event.Headers],
    ['to less than the lowest', '3f31 88', Event.Headers],
    ['to the last alone', '3fa901 88', 'HPACK_TABLE_UPDATE_MISSING'],
  ])('that changed its table size to 100 and then 200 takes an update %s for what it is', (_what, block, outcome) => {
    withDecoder((decoder) => {
      decoder.setHeaderTableSize(100);
      decoder.setHeaderTableSize(200);
      decoder.push(frame(1, 4, 1, hex(block)));

      let said: unknown;
      const code = codeOf(() => {
        said = decoder.next();
      });

      expect(code ?? said).toBe(outcome);
    });
  });

  test('refuses a table size that its slot has no room for', () => {
    withDecoder((decoder) => {
      expect(codeOf(() => decoder.setHeaderTableSize(4097))).toBe('INVALID_ARGUMENT');
      expect(codeOf(() => decoder.setHeaderTableSize(-1))).toBe('INVALID_ARGUMENT');
    });
  });
});

describe('views', () => {
  const block = (value: string): Uint8Array =>
    frame(
      1,
      4,
      1,
      encodeHeaderBlock([
        [':status', '200'],
        ['baggage', value],
      ]),
    );

  test('of a header block are refused, not wrong, when another decoder has read one since', () => {
    withDecoder((first) => {
      withDecoder((second) => {
        first.push(block('service.name=a'));
        first.next();
        const { headers } = first;
        const baggage = headers.baggage();
        second.push(block('service.name=b'));
        second.next();

        expect(codeOf(() => headers.value(0))).toBe('STALE_VIEW');
        expect(codeOf(() => baggage.get(7))).toBe('STALE_VIEW');
        expect(second.headers.baggage().get(7)).toBe('b');
      });
    });
  });

  test('of loose baggage are refused when other baggage has been read since, and do not touch header blocks', () => {
    withDecoder((decoder) => {
      decoder.push(block('service.name=a'));
      decoder.next();

      const first = wasm.decodeBaggage(['service.name=b']);
      const second = wasm.decodeBaggage(['service.name=c']);

      expect(codeOf(() => first.get(7))).toBe('STALE_VIEW');
      expect(second.get(7)).toBe('c');
      expect(decoder.headers.baggage().get(7)).toBe('a');
    });
  });

  test('find fields by registered name, from any position', () => {
    withDecoder((decoder) => {
      decoder.push(
        frame(
          1,
          4,
          1,
          encodeHeaderBlock([
            [':status', '200'],
            ['cookie', 'a'],
            ['x', 'y'],
            ['cookie', 'b'],
          ]),
        ),
      );
      decoder.next();
      const { headers } = decoder;
      const cookie = NAMES.indexOf('cookie');

      expect([headers.find(cookie), headers.find(cookie, 2), headers.find(cookie, 4), headers.find(0)]).toEqual([
        1, 3, -1, -1,
      ]);
      expect(codeOf(() => headers.name(4))).toBe('INVALID_ARGUMENT');
    });
  });

  test('of baggage know no key that was not registered', () => {
    const view = wasm.decodeBaggage(['service.name=a']);

    expect([view.get(-1), view.get(64), view.get(Number.NaN), view.get(KEYS.length)]).toEqual(Array(4).fill(undefined));
  });

  test('tell that a header list was too large, and hold none of it', () => {
    withDecoder(
      (decoder) => {
        decoder.push(block('service.name=a'));
        decoder.next();

        expect([decoder.headers.refused, decoder.headers.count, decoder.headers.baggage().get(7)]).toEqual([
          true,
          0,
          undefined,
        ]);
      },
      { ...client, maxHeaderListSize: 50 },
    );
  });
});

describe('a codec', () => {
  const base = { headerNames: NAMES, baggageKeys: KEYS, slots: 1 };

  test.each([
    ['a name with an upper case letter', { headerNames: ['Baggage'] }],
    ['a name twice', { headerNames: ['a', 'a'] }],
    ['an empty name', { headerNames: [''] }],
    ['a key that cannot be a key', { baggageKeys: ['a=b'] }],
    ['65 keys', { baggageKeys: Array.from({ length: 65 }, (_, i) => `k${i}`) }],
    ['more names than there is room for', { headerNames: Array.from({ length: 400 }, (_, i) => `n${i}`) }],
    ['no slots', { slots: 0 }],
    ['half a slot', { slots: 1.5 }],
  ])('is not made with %s', (_what, change) => {
    expect(codeOf(() => createCodec({ ...base, ...change }))).toBe('INVALID_ARGUMENT');
  });

  test.each([
    ['maxFrameSize', 16_383],
    ['maxFrameSize', 16_777_216],
    ['maxHeaderListSize', 131_073],
    ['maxHeaderBlockSize', 262_145],
    ['maxContinuations', -1],
  ])('opens no decoder with a %s of %d, and leases no slot for it', (limit, value) => {
    const codec = createCodec(base);

    expect(codeOf(() => codec.openDecoder({ ...client, [limit]: value }))).toBe('INVALID_ARGUMENT');
    expect(codec.slots.leased).toBe(0);
  });

  test('takes 64 keys, and tells the last one', () => {
    const keys = Array.from({ length: 64 }, (_, i) => `key.${i}`);
    const codec = createCodec({ ...base, baggageKeys: keys });

    const view = codec.decodeBaggage(['key.63=last,key.31=middle']);

    expect([view.get(63), view.get(31), view.present]).toEqual(['last', 'middle', [0x80000000, 0x80000000]]);
  });

  test('refuses more loose baggage than it has room for', () => {
    expect(codeOf(() => wasm.decodeBaggage(['x'.repeat(131_072)]))).toBe('BAGGAGE_TOO_LARGE');
    expect(codeOf(() => wasm.decodeBaggage(['x'.repeat(131_071)]))).toBeUndefined();
  });

  test('that registers no baggage name reads baggage all the same, and gives the name no index', () => {
    const codec = createCodec({ ...base, headerNames: [':status'] });
    const decoder = codec.openDecoder(client);
    decoder.push(
      concat(
        hex(SETTINGS),
        frame(
          1,
          4,
          1,
          encodeHeaderBlock([
            [':status', '200'],
            ['baggage', 'app.name=a'],
          ]),
        ),
      ),
    );
    decoder.next();
    decoder.next();

    expect([decoder.headers.nameId(1), decoder.headers.name(1)]).toEqual([-1, 'baggage']);
    expect(decoder.headers.baggage().get(KEYS.indexOf('app.name'))).toBe('a');
  });
});
