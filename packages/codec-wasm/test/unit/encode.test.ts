import { describe, expect, test } from 'vitest';
import { createBaggageEncoder, encodeBaggage } from '../../src/encode/baggage.js';
import {
  CONNECTION_PREFACE,
  FrameFlag,
  FrameType,
  goAwaySize,
  PING_SIZE,
  RST_STREAM_SIZE,
  settingsSize,
  WINDOW_UPDATE_SIZE,
  writeFrameHeader,
  writeGoAway,
  writePing,
  writePingAck,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '../../src/encode/frames.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { CodecError } from '../../src/errors.js';
import { ascii, hex } from '../support/bytes.js';
import { hexOf } from '../support/log.js';
import { PREFACE } from '../vectors/vector.js';

/** What a writer puts into a buffer of exactly `size` bytes, two from its start. */
function written(size: number, write: (out: Uint8Array, at: number) => number): string {
  const out = new Uint8Array(size + 4).fill(0xee);
  const end = write(out, 2);
  expect(end).toBe(size + 2);
  expect(hexOf(out)).toMatch(/^eeee.*eeee$/);
  return hexOf(out.subarray(2, end));
}

const plain = (text: string): string => hexOf(hex(text));

describe('frames', () => {
  const payload = hex('0102030405060708');

  test.each([
    [
      'a frame header',
      9,
      (out: Uint8Array, at: number) =>
        writeFrameHeader(out, at, 0x123456, FrameType.DATA, FrameFlag.END_STREAM, 0x7fffffff),
      '123456 00 01 7fffffff',
    ],
    [
      'SETTINGS',
      settingsSize(2),
      (out: Uint8Array, at: number) =>
        writeSettings(out, at, [
          [4, 4_194_304],
          [6, 0xffffffff],
        ]),
      '00000c 04 00 00000000 0004 00400000 0006 ffffffff',
    ],
    ['its acknowledgement', settingsSize(0), writeSettingsAck, '000000 04 01 00000000'],
    [
      'PING',
      PING_SIZE,
      (out: Uint8Array, at: number) => writePing(out, at, payload),
      '000008 06 00 00000000 0102030405060708',
    ],
    [
      'its answer',
      PING_SIZE,
      (out: Uint8Array, at: number) => writePingAck(out, at, payload),
      '000008 06 01 00000000 0102030405060708',
    ],
    [
      'GOAWAY',
      goAwaySize(3),
      (out: Uint8Array, at: number) => writeGoAway(out, at, 5, 0xb, ascii('bye')),
      '00000b 07 00 00000000 00000005 0000000b 627965',
    ],
    [
      'GOAWAY without debug data',
      goAwaySize(0),
      (out: Uint8Array, at: number) => writeGoAway(out, at, 0x7fffffff, 0),
      '000008 07 00 00000000 7fffffff 00000000',
    ],
    [
      'WINDOW_UPDATE',
      WINDOW_UPDATE_SIZE,
      (out: Uint8Array, at: number) => writeWindowUpdate(out, at, 3, 16_711_681),
      '000004 08 00 00000003 00ff0001',
    ],
    [
      'RST_STREAM',
      RST_STREAM_SIZE,
      (out: Uint8Array, at: number) => writeRstStream(out, at, 9, 8),
      '000004 03 00 00000009 00000008',
    ],
  ])('%s', (_name, size, write, expected) => {
    expect(written(size, write)).toBe(plain(expected));
  });

  test('the preface is the one of RFC 9113', () => {
    expect(hexOf(ascii(CONNECTION_PREFACE))).toBe(plain(PREFACE));
  });
});

describe('header blocks', () => {
  test('index what the static table holds whole, and names it holds', () => {
    const block = encodeHeaderBlock([
      [':status', '200'],
      [':status', '418'],
      [':authority', 'a:1'],
      ['baggage', 'x'],
    ]);

    expect(hexOf(block)).toBe(plain('88 08 03 343138 01 03 613a31 00 07 62616767616765 01 78'));
  });

  test('spell lengths that do not fit the prefix', () => {
    const block = encodeHeaderBlock([['x', 'v'.repeat(127 + 128)]]);

    expect(hexOf(block.subarray(0, 6))).toBe(plain('00 01 78 7f 80 01'));
    expect(block).toHaveLength(6 + 255);
  });

  test('refuse what RFC 9113 8.2.1 forbids, naming the field', () => {
    const bad: [string, string][] = [
      ['Name', 'v'],
      ['na me', 'v'],
      ['', 'v'],
      ['name', 'a\nb'],
      ['name', ' v'],
      ['name', 'v\t'],
      ['name', '€'],
    ];

    for (const field of bad) {
      expect(() => encodeHeaderBlock([field]), JSON.stringify(field)).toThrowError(CodecError);
    }
    expect(() => encodeHeaderBlock([['name', 'a\0b']])).toThrowError("'name'");
  });
});

describe('baggage', () => {
  const keys = ['k8s.cluster.name', 'k8s.namespace.name', 'service.name'];

  test('is written in the order of the keys, bare, without empty values', () => {
    expect(encodeBaggage(keys, ['east', '', 'web'])).toBe('k8s.cluster.name=east,service.name=web');
    expect(encodeBaggage(keys, [undefined, undefined])).toBe('');
  });

  test('encodes what would break a reader, and nothing else', () => {
    const [safe, unsafe] = ["!#$&'()*+-./09:<>?@AZ[]^_`az{|}~", '%,;="\\ \t\n\x7fé🚢\ud800'];

    expect(encodeBaggage(['k'], [safe])).toBe(`k=${safe}`);
    expect(encodeBaggage(['k'], [unsafe])).toBe('k=%25%2C%3B%3D%22%5C%20%09%0A%7F%C3%A9%F0%9F%9A%A2%EF%BF%BD');
  });

  test('refuses keys that are no tokens', () => {
    expect(() => createBaggageEncoder(['a b'])).toThrowError(CodecError);
    expect(() => createBaggageEncoder([''])).toThrowError(CodecError);
  });
});
