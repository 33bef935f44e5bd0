import { describe, expect, test } from 'vitest';
import { Memory } from '../../src/abi.js';
import { createCodec } from '../../src/codec.js';
import { WasmConnectionDecoder } from '../../src/connection-decoder.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { CodecError } from '../../src/errors.js';
import { instantiate, register } from '../../src/instance.js';
import { hasSimd } from '../../src/simd.js';
import { SlotPool } from '../../src/slots.js';
import type { ConnectionDecoder, DecoderInit, FrameHandler, HeaderBlockView } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
import { callsOf, handlerOf } from '../support/calls.js';
import { KEYS, NAMES } from '../support/names.js';
import { LIMITS, wasm } from '../support/subjects.js';
import { SETTINGS } from '../vectors/vector.js';

const client = { ...LIMITS, role: 'client' } as const;

/** A subclass that asks for views of its parent's class. */
class Plain extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }
}

/** A decoder that has read the peer's SETTINGS, for the time of a test. */
function withDecoder(use: (decoder: ConnectionDecoder) => void, limits: DecoderInit = client): void {
  const decoder = wasm.openDecoder(limits);
  try {
    callsOf(decoder, hex(SETTINGS));
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
  test('is a view of the chunk, charged once, ended with its last part', () => {
    withDecoder((decoder) => {
      const seen: unknown[] = [];
      const bytes = frame(0, 1, 1, new Uint8Array(100));
      const handler = handlerOf({
        data: (_streamId, payload, flowBytes, endStream) => {
          seen.push([payload.buffer === bytes.buffer, payload.byteOffset, payload.length, flowBytes, endStream]);
        },
      });

      for (const chunk of [bytes.subarray(0, 20), bytes.subarray(20, 60), bytes.subarray(60)]) {
        decoder.read(chunk, handler);
      }

      expect(seen).toEqual([
        [true, 9, 11, 100, false],
        [true, 20, 40, 0, false],
        [true, 60, 49, 0, true],
      ]);
    });
  });

  test('that begins with the next chunk is charged there', () => {
    withDecoder((decoder) => {
      const seen: unknown[] = [];
      const bytes = frame(0, 1, 1, new Uint8Array(5));
      const handler = handlerOf({ data: (_streamId, payload, flowBytes) => seen.push([payload.length, flowBytes]) });

      decoder.read(bytes.subarray(0, 9), handler);
      decoder.read(bytes.subarray(9), handler);

      expect(seen).toEqual([[5, 5]]);
    });
  });

  test.each([
    ['a Buffer of a Buffer', (bytes: Uint8Array) => Buffer.from(bytes), Buffer.prototype],
    ['a Uint8Array of a Uint8Array', (bytes: Uint8Array) => bytes, Uint8Array.prototype],
    ['of the class that subarray makes', (bytes: Uint8Array) => new Plain(bytes), Uint8Array.prototype],
  ])('is %s', (_what, chunkOf, prototype) => {
    withDecoder((decoder) => {
      const seen: unknown[] = [];
      const handler = handlerOf({
        data: (_streamId, payload) => seen.push(Object.getPrototypeOf(payload) === prototype),
      });
      const bytes = frame(0, 0, 1, new Uint8Array(5));

      decoder.read(chunkOf(concat(bytes, bytes.subarray(0, 11))), handler);
      decoder.read(chunkOf(bytes.subarray(11)), handler);

      expect(seen).toEqual([true, true, true]);
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
    const handler = handlerOf({ data: (_streamId, part) => (payload += part.length) });
    for (let at = 0; at < bytes.length; at += 65_536) decoder.read(bytes.subarray(at, at + 65_536), handler);

    const inside = instance.bytes.filter((byte, at) => byte === 0xa5 && at >= Memory.BLOCK_RESULT).length;
    expect(payload).toBe(2_000_000);
    expect(inside).toBeLessThan(Memory.INTERN_TEXT_SIZE / 16);
  });
});

describe('a decoder', () => {
  test('is not read by its own handler', () => {
    withDecoder((decoder) => {
      const codes: unknown[] = [];
      const handler: FrameHandler = handlerOf({
        settings: () => codes.push(codeOf(() => decoder.read(hex('00'), handler))),
      });

      decoder.read(hex('000000 04 01 00000000 000000 04 01 00000000'), handler);

      expect(codes).toEqual(['SPAN_UNREAD', 'SPAN_UNREAD']);
    });
  });

  test('hands on what a handler throws, calls no more, and is dead', () => {
    withDecoder((decoder) => {
      const handler = handlerOf({
        settings: () => {
          throw new RangeError('of the handler');
        },
      });

      expect(() => decoder.read(hex('000000 04 01 00000000 000000 04 01 00000000'), handler)).toThrowError(RangeError);
      expect(codeOf(() => callsOf(decoder, hex('00')))).toBe('SPAN_UNREAD');
    });
  });

  test('is dead after a broken rule, and says which one each time', () => {
    withDecoder((decoder) => {
      const codes = [hex('000000 00 00 00000000'), hex('00')].map((bytes) => codeOf(() => callsOf(decoder, bytes)));

      expect(codes).toEqual(['DATA_ON_CONNECTION', 'DATA_ON_CONNECTION']);
    });
  });

  test('reads a thousand frames in one chunk', () => {
    withDecoder((decoder) => {
      const ping = frame(6, 0, 0, new Uint8Array(8));

      const { names } = callsOf(decoder, concat(...Array.from({ length: 1000 }, () => ping)));

      expect(names).toEqual(Array(1000).fill('ping'));
    });
  });

  test('gives up on a block whose list unpacks to many times its limit', () => {
    withDecoder(
      (decoder) => {
        // One entry of 4 KB, and a byte for each time it is asked for: 6 KB of block for 8 MB of list.
        const long = encodeHeaderBlock([['x', 'v'.repeat(4000)]]);
        const bomb = concat(Uint8Array.of(0x40), long.subarray(1), new Uint8Array(2000).fill(0xbe));

        expect(codeOf(() => callsOf(decoder, frame(1, 4, 1, bomb)))).toBe('HEADER_LIST_TOO_LARGE');
      },
      { ...client, maxHeaderListSize: 5000 },
    );
  });

  test('takes a table size that was lowered in the middle of a chunk into account from there on', () => {
    withDecoder((decoder) => {
      const block = frame(1, 4, 1, hex('88'));
      const names: string[] = [];
      const handler = handlerOf({
        headers: () => names.push('headers'),
        settings: () => decoder.setHeaderTableSize(0),
      });

      const code = codeOf(() => decoder.read(concat(block, hex('000000 04 01 00000000'), block), handler));

      expect(names).toEqual(['headers']);
      expect(code).toBe('HPACK_TABLE_UPDATE_MISSING');
    });
  });

  test.each([
    ['to the lowest, then to the last', '3f45 3f a9 01 88', 'headers'],
    ['to less than the lowest', '3f31 88', 'headers'],
    ['to the last alone', '3fa901 88', 'HPACK_TABLE_UPDATE_MISSING'],
  ])('that changed its table size to 100 and then 200 takes an update %s for what it is', (_what, block, outcome) => {
    withDecoder((decoder) => {
      decoder.setHeaderTableSize(100);
      decoder.setHeaderTableSize(200);

      let said: readonly string[] = [];
      const code = codeOf(() => {
        said = callsOf(decoder, frame(1, 4, 1, hex(block))).names;
      });

      expect(code ?? said[0]).toBe(outcome);
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
        const headers = callsOf(first, block('service.name=a')).block;
        const baggage = headers.baggage();
        const other = callsOf(second, block('service.name=b')).block;

        expect(codeOf(() => headers.value(0))).toBe('STALE_VIEW');
        expect(codeOf(() => baggage.get(7))).toBe('STALE_VIEW');
        expect(other.baggage().get(7)).toBe('b');
      });
    });
  });

  test('of loose baggage are refused when other baggage has been read since, and do not touch header blocks', () => {
    withDecoder((decoder) => {
      const headers = callsOf(decoder, block('service.name=a')).block;

      const first = wasm.decodeBaggage(['service.name=b']);
      const second = wasm.decodeBaggage(['service.name=c']);

      expect(codeOf(() => first.get(7))).toBe('STALE_VIEW');
      expect(second.get(7)).toBe('c');
      expect(headers.baggage().get(7)).toBe('a');
    });
  });

  test('find fields by registered name, from any position', () => {
    withDecoder((decoder) => {
      const block = encodeHeaderBlock([
        [':status', '200'],
        ['cookie', 'a'],
        ['x', 'y'],
        ['cookie', 'b'],
      ]);
      const headers: HeaderBlockView = callsOf(decoder, frame(1, 4, 1, block)).block;
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
        const headers = callsOf(decoder, block('service.name=a')).block;

        expect([headers.refused, headers.count, headers.baggage().get(7)]).toEqual([true, 0, undefined]);
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
    const block = encodeHeaderBlock([
      [':status', '200'],
      ['baggage', 'app.name=a'],
    ]);

    const headers = callsOf(decoder, concat(hex(SETTINGS), frame(1, 4, 1, block))).block;

    expect([headers.nameId(1), headers.name(1)]).toEqual([-1, 'baggage']);
    expect(headers.baggage().get(KEYS.indexOf('app.name'))).toBe('a');
  });
});
