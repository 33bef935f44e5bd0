/** Baggage by the words of BaggageView's comment, with split and replace. */
import { CodecError } from '../../src/errors.js';
import type { BaggageView } from '../../src/types.js';

const OWS = /^[ \t]+|[ \t]+$/g;

/** Latin1 text of one member's value to what it stands for. */
function percentDecoded(value: string): string {
  const bytes: number[] = [];
  for (const part of value.match(/%[0-9A-Fa-f]{2}|./g) ?? []) {
    bytes.push(part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0));
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

export function readBaggage(lines: readonly string[], keys: readonly string[]): BaggageView {
  // 128 KiB with a comma behind every line but the last, and a byte of grace that the codec does not grant.
  let length = 0;
  for (const line of lines) {
    if (length + line.length + 1 > 128 * 1024) throw new CodecError('BAGGAGE_TOO_LARGE');
    length += line.length + (length > 0 ? 1 : 0);
  }

  const found = new Map<number, string>();
  const malformed = lines.some((line) => /[^\t\x20-\x7e]/.test(line));
  for (const member of malformed ? [] : lines.flatMap((line) => line.split(','))) {
    const [pair] = member.split(';') as [string];
    const equals = pair.indexOf('=');
    if (equals < 0) continue;
    const key = keys.indexOf(pair.slice(0, equals).replace(OWS, ''));
    const value = pair.slice(equals + 1).replace(OWS, '');
    if (key < 0) continue;
    if (value === '') found.delete(key);
    else found.set(key, percentDecoded(value));
  }
  return viewOf(found, malformed);
}

function viewOf(found: ReadonlyMap<number, string>, malformed: boolean): BaggageView {
  const words: [number, number] = [0, 0];
  for (const key of found.keys()) words[key >>> 5 === 0 ? 0 : 1] += 2 ** (key & 31);
  const length = (key: number): number => new TextEncoder().encode(found.get(key) ?? '').length;
  return { present: words, malformed, get: (key) => found.get(key), length };
}
