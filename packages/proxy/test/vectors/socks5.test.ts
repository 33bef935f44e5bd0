import { describe, expect, it } from 'vitest';
import { createSocks5Handshake, MAX_HANDSHAKE, replyOf, type Socks5Step } from '../../src/capture/socks5.js';

interface Vector {
  readonly name: string;
  readonly hex: string;
  /** Bytes sent back during the handshake. */
  readonly sent: string;
  readonly end: Partial<Record<'target' | 'rest' | 'refused', unknown>> | 'more';
}

const GREETING = '05 01 00';
const VECTORS: readonly Vector[] = [
  {
    name: 'a name, as curl --socks5-hostname asks',
    hex: `05 02 00 02 | 05 01 00 03 07 72 65 76 69 65 77 73 00 50`,
    sent: '05 00',
    end: { target: { kind: 'hostname', hostname: 'reviews', port: 80 }, rest: '' },
  },
  {
    name: 'an IPv4 address, and data sent along without waiting for the reply',
    hex: `${GREETING} | 05 01 00 01 0a 00 00 01 1f 90 | 47 45 54`,
    sent: '05 00',
    end: { target: { kind: 'address', ip: '10.0.0.1', port: 8080 }, rest: '47 45 54' },
  },
  {
    name: 'an IPv6 address',
    hex: `${GREETING} | 05 01 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 01 bb`,
    sent: '05 00',
    end: { target: { kind: 'address', ip: '2001:db8:0:0:0:0:0:1', port: 443 }, rest: '' },
  },
  { name: 'half a greeting', hex: '05 03 00', sent: '', end: 'more' },
  { name: 'a greeting and half a request', hex: `${GREETING} | 05 01 00 03 07 72`, sent: '05 00', end: 'more' },
  { name: 'HTTP instead of SOCKS', hex: '47 45 54 20 2f', sent: '', end: { refused: 'SOCKS5 starts with 5' } },
  { name: 'SOCKS4', hex: '04 01 00 50', sent: '', end: { refused: 'SOCKS5 starts with 5' } },
  { name: 'only password authentication', hex: '05 01 02', sent: '05 ff', end: { refused: 'no authentication' } },
  { name: 'no method at all', hex: '05 00', sent: '05 ff', end: { refused: 'no authentication' } },
  {
    name: 'BIND',
    hex: `${GREETING} | 05 02 00 01 0a 00 00 01 1f 90`,
    sent: '05 00 05 07 00 01 00 00 00 00 00 00',
    end: { refused: 'only CONNECT' },
  },
  {
    name: 'an unknown address type',
    hex: `${GREETING} | 05 01 00 02 0a 00 00 01 1f 90`,
    sent: '05 00 05 08 00 01 00 00 00 00 00 00',
    end: { refused: 'address type 2' },
  },
  {
    name: 'port 0',
    hex: `${GREETING} | 05 01 00 01 0a 00 00 01 00 00`,
    sent: '05 00 05 01 00 01 00 00 00 00 00 00',
    end: { refused: 'port 0' },
  },
  {
    name: 'an empty name',
    hex: `${GREETING} | 05 01 00 03 00 00 50`,
    sent: '05 00 05 01 00 01 00 00 00 00 00 00',
    end: { refused: 'empty' },
  },
  {
    name: 'a name with a line break',
    hex: `${GREETING} | 05 01 00 03 03 61 0a 62 00 50`,
    sent: '05 00 05 01 00 01 00 00 00 00 00 00',
    end: { refused: 'not ASCII' },
  },
];

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/[\s|]/g, ''), 'hex'));
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Plays the chunks and tells what was sent and how it ended. */
function play(chunks: readonly Uint8Array[]): {
  readonly sent: string;
  readonly last: Socks5Step;
  readonly tail: string;
} {
  const handshake = createSocks5Handshake();
  const sent: Uint8Array[] = [];
  let last: Socks5Step = { kind: 'more' };
  for (const [index, chunk] of chunks.entries()) {
    handshake.push(chunk);
    for (last = handshake.next(); last.kind === 'send'; last = handshake.next()) sent.push(last.bytes);
    if (last.kind === 'refuse' && last.bytes) sent.push(last.bytes);
    if (last.kind !== 'more') {
      const rest = last.kind === 'request' ? [last.rest] : [];
      return {
        sent: hexOf(Buffer.concat(sent)),
        last,
        tail: hexOf(Buffer.concat([...rest, ...chunks.slice(index + 1)])),
      };
    }
  }
  return { sent: hexOf(Buffer.concat(sent)), last, tail: '' };
}

function check({ sent, last, tail }: ReturnType<typeof play>, vector: Vector): void {
  expect(sent).toBe(vector.sent);
  if (vector.end === 'more') expect(last.kind).toBe('more');
  else if (vector.end.refused)
    expect(last).toMatchObject({ kind: 'refuse', reason: expect.stringContaining(`${vector.end.refused}`) });
  else {
    expect(last).toMatchObject({ kind: 'request', target: vector.end.target });
    expect(tail).toBe(vector.end.rest);
  }
}

describe('SOCKS5 vectors', () => {
  for (const vector of VECTORS) {
    it(`${vector.name}, whole and at every split`, () => {
      const bytes = bytesOf(vector.hex);

      check(play([bytes]), vector);
      for (let cut = 1; cut < bytes.length; cut += 1)
        check(play([bytes.subarray(0, cut), bytes.subarray(cut)]), vector);
      check(play(Array.from(bytes, (byte) => Uint8Array.of(byte))), vector);
    });
  }

  it('the longest possible handshake is as long as the bound', () => {
    const greeting = `05 ff ${'00 '.repeat(255)}`;
    const request = `05 01 00 03 ff ${'61 '.repeat(255)} 00 50`;

    const bytes = bytesOf(`${greeting} ${request}`);

    expect(bytes).toHaveLength(MAX_HANDSHAKE);
    expect(play([bytes]).last).toMatchObject({
      kind: 'request',
      target: { kind: 'hostname', hostname: 'a'.repeat(255) },
    });
  });

  it('replies tell policy, routing, refusal and the rest apart', () => {
    const codes = (['POLICY_DENY', 'NO_GATEWAY', 'UNKNOWN_DESTINATION', 'CONNECT_FAILED', 'TLS_FAILURE'] as const).map(
      replyOf,
    );

    expect(codes).toEqual([2, 3, 4, 5, 1]);
  });
});
