/** The target of a CONNECT in numbers, and peers that are known again by their baggage. */
import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { createPeerCache } from '../../src/peer-cache.js';
import { type Codec, type ConnectionDecoder, type HeaderBlockView, TargetKind } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
import { callsOf } from '../support/calls.js';
import { createRandom } from '../support/random.js';
import { LIMITS } from '../support/subjects.js';
import { PREFACE, SETTINGS } from '../vectors/vector.js';

const KEYS = ['service.name'];

function codecOf(): Codec {
  return createCodec({ headerNames: [':authority'], baggageKeys: KEYS, slots: 2 });
}

function serverOf(codec: Codec): ConnectionDecoder {
  const decoder = codec.openDecoder({ ...LIMITS, role: 'server' });
  callsOf(decoder, hex(PREFACE + SETTINGS));
  return decoder;
}

/** Decodes one CONNECT and answers its view, which lasts until the next one. */
function connect(decoder: ConnectionDecoder, authority: string, ...baggage: string[]): HeaderBlockView {
  const lines = baggage.map((line) => ['baggage', line] as const);
  const block = encodeHeaderBlock([[':method', 'CONNECT'], [':authority', authority], ...lines]);
  return callsOf(decoder, frame(1, 4, 1, block)).block;
}

describe('the target', () => {
  test.each([
    ['10.244.1.5:8080', TargetKind.Ipv4, '10.244.1.5', 0x0af40105, 8080],
    ['255.255.255.255:65535', TargetKind.Ipv4, '255.255.255.255', 0xffffffff, 65_535],
    ['0.0.0.0:0', TargetKind.Ipv4, '0.0.0.0', 0, 0],
    ['[fd00::1]:15008', TargetKind.Ipv6, 'fd00::1', 0, 15_008],
    ['reviews.default.svc.cluster.local:9080', TargetKind.Name, 'reviews.default.svc.cluster.local', 0, 9080],
    ['a_b-c:1', TargetKind.Name, 'a_b-c', 0, 1],
  ])('of %s is taken apart', (authority, kind, host, ipv4, port) => {
    const target = connect(serverOf(codecOf()), authority).connect();

    expect([target.kind, target.host, target.ipv4, target.port]).toEqual([kind, host, ipv4, port]);
  });

  test.each([
    ['no port', '10.0.0.1'],
    ['an empty port', '10.0.0.1:'],
    ['a port that is too large', '10.0.0.1:65536'],
    ['a port with a leading zero', '10.0.0.1:080'],
    ['a port that is no number', '10.0.0.1:8o'],
    ['no host', ':80'],
    ['an octet that is too large', '10.0.0.256:80'],
    ['an octet that some read as octal', '10.0.0.010:80'],
    ['five octets', '1.2.3.4.5:80'],
    ['an IPv6 address without brackets', 'fd00::1:80'],
    ['an open bracket', '[fd00::1:80'],
    ['nothing in the brackets', '[]:80'],
    ['a zone', '[fe80::1%25eth0]:80'],
    ['user information', 'a@b:80'],
  ])('is none with %s', (_, authority) => {
    const target = connect(serverOf(codecOf()), authority).connect();

    expect([target.kind, target.host, target.ipv4, target.port]).toEqual([TargetKind.None, '', 0, 0]);
  });

  test('read after another block was decoded is stale', () => {
    const codec = codecOf();
    const [first, second] = [serverOf(codec), serverOf(codec)];
    const target = connect(first, 'a:1').connect();

    connect(second, 'b:2');

    expect(() => target.port).toThrowError('STALE_VIEW');
  });
});

describe('the number of a peer', () => {
  test('is the same for the same bytes, on whatever connection they come', () => {
    const codec = codecOf();
    const [first, second] = [serverOf(codec), serverOf(codec)];

    const ids = [first, second].map((decoder) => connect(decoder, 'a:1', 'service.name=x').connect().peerId);

    expect(ids[0]).toBeGreaterThanOrEqual(0);
    expect(ids[1]).toBe(ids[0]);
  });

  test.each([
    ['without baggage', []],
    ['with two lines of it', ['service.name=x', 'service.name=y']],
    ['with more of it than is kept', [`service.name=${'x'.repeat(1100)}`]],
  ])('is -1 %s', (_, lines) => {
    expect(connect(serverOf(codecOf()), 'a:1', ...lines).connect().peerId).toBe(-1);
  });

  test('never stands for two texts, however many come', () => {
    const decoder = serverOf(codecOf());
    const random = createRandom(3);
    const textOf = new Map<number, string>();
    for (let i = 0; i < 20_000; i++) {
      const text = `service.name=${'x'.repeat(random.below(60))}${random.below(5000)}`;
      const { peerId } = connect(decoder, 'a:1', text).connect();

      expect(textOf.get(peerId) ?? text).toBe(text);
      textOf.set(peerId, text);
    }
  });

  test('of few peers is kept while a flood of others passes, and when lost costs one reading', () => {
    const codec = codecOf();
    const decoder = serverOf(codec);
    let read = 0;
    const cache = createPeerCache((baggage) => {
      read++;
      return baggage.get(0);
    });
    const ask = (name: string): string | undefined => {
      return cache.of(connect(decoder, 'a:1', `service.name=${name}`));
    };
    for (let i = 0; i < 3000; i++) ask(`flood-${i}`);
    read = 0;

    const answers = Array.from({ length: 500 }, (_, i) => ask(`known-${i % 50}`));

    expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => `known-${i % 50}`));
    // 50 the first time; members of one set may push one another out once more.
    expect(read).toBeGreaterThanOrEqual(50);
    expect(read).toBeLessThan(120);
  });
});

test('a block that lies in resident memory is read there, with the same result', () => {
  const codec = createCodec({ headerNames: [':authority'], baggageKeys: KEYS, slots: 2, residentBytes: 4096 });
  const block = encodeHeaderBlock([
    [':method', 'CONNECT'],
    [':authority', '10.0.0.1:80'],
    ['baggage', 'service.name=a%20b'],
  ]);
  const bytes = concat(hex(PREFACE + SETTINGS), frame(1, 4, 1, block));
  codec.resident.set(bytes, 100);
  const decoder = codec.openDecoder({ ...LIMITS, role: 'server' });

  const { names, block: view } = callsOf(decoder, codec.resident.subarray(100, 100 + bytes.length));

  expect(names).toEqual(['settings', 'headers']);
  expect(view.connect().port).toBe(80);
  expect(view.baggage().get(0)).toBe('a b');
});

describe('baggage in bytes', () => {
  const text = new TextEncoder().encode('xx service.name=reviews;p=1,other=2');

  test.each([0, 4096])('is read from %d bytes of resident memory or from elsewhere', (residentBytes) => {
    const codec = createCodec({ headerNames: [], baggageKeys: KEYS, slots: 1, residentBytes });
    if (residentBytes > 0) codec.resident.set(text);

    const view = codec.readBaggage(residentBytes > 0 ? codec.resident : text, 2, text.length);

    expect([view.get(0), view.length(0), view.malformed]).toEqual(['reviews', 7, false]);
  });

  test('out of range are refused', () => {
    const codec = createCodec({ headerNames: [], baggageKeys: KEYS, slots: 1 });

    expect(() => codec.readBaggage(text, 0, text.length + 1)).toThrowError('INVALID_ARGUMENT');
    expect(() => codec.readBaggage(text, 5, 4)).toThrowError('INVALID_ARGUMENT');
  });

  test('at the very end of the memory are read', () => {
    const codec = createCodec({ headerNames: [], baggageKeys: KEYS, slots: 1, residentBytes: 65_536 });
    const member = new TextEncoder().encode('service.name=z');
    codec.resident.set(member, 65_536 - member.length);

    expect(codec.readBaggage(codec.resident, 65_536 - member.length, 65_536).get(0)).toBe('z');
  });
});
