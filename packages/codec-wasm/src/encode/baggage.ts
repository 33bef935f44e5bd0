/**
 * Baggage for sending. In TypeScript on purpose: the text is made once per workload and its bytes are kept, so that the
 * cost per request is a copy (docs/adr/0002-wasm-boundary.md).
 *
 * Bare members joined by ",", no spaces, no properties: what ztunnel's and Envoy's readers take, who neither trim nor
 * percent-decode and cut a value at its second "=". So only what would break their splitting, or is not visible
 * ASCII, is percent-encoded; names of Kubernetes objects never are.
 */
import { CodecError } from '../errors.js';

/** Everything but visible ASCII without `"`, `%`, `,`, `;`, `=` and `\`; characters beyond the BMP whole. */
const UNSAFE = /[^!#$&'()*+\-./0-9:<>?@A-Z[\]^_`a-z{|}~]/gu;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const utf8 = new TextEncoder();

/** Text of the header for values in the order of the keys; empty ones are left out. */
export type BaggageEncoder = (values: readonly (string | undefined)[]) => string;

/**
 * An encoder for registered keys: the same list that `CodecInit.baggageKeys` takes, so that what one side writes
 * under an index the other reads under it. Throws `CodecError` INVALID_ARGUMENT on a key that is no token.
 */
export function createBaggageEncoder(keys: readonly string[]): BaggageEncoder {
  const prefixes = keys.map(prefixOf);
  return (values) => {
    let text = '';
    for (const [index, prefix] of prefixes.entries()) {
      const value = values[index];
      if (value !== undefined && value !== '') text += `${text === '' ? '' : ','}${prefix}${escapeValue(value)}`;
    }
    return text;
  };
}

/** One header of `keys[i]=values[i]` in order; empty and missing values are left out. "" when nothing is left. */
export function encodeBaggage(keys: readonly string[], values: readonly (string | undefined)[]): string {
  return createBaggageEncoder(keys)(values);
}

/**
 * The header's bytes for a workload, encoded the first time and kept as long as the object that stands for the workload
 * lives: what a workload says of itself does not change, and a copy costs a tenth of putting it together.
 */
export function createBaggageBytes<W extends object>(
  keys: readonly string[],
  valuesOf: (workload: W) => readonly (string | undefined)[],
): (workload: W) => Uint8Array {
  const encode = createBaggageEncoder(keys);
  const kept = new WeakMap<W, Uint8Array>();
  return (workload) => {
    const known = kept.get(workload);
    if (known !== undefined) return known;
    const bytes = utf8.encode(encode(valuesOf(workload)));
    kept.set(workload, bytes);
    return bytes;
  };
}

function prefixOf(key: string): string {
  if (!TOKEN.test(key)) throw new CodecError('INVALID_ARGUMENT', `baggage key ${JSON.stringify(key)} is no token`);
  return `${key}=`;
}

function escapeValue(value: string): string {
  return value.replace(UNSAFE, escapeCharacter);
}

/** UTF-8 bytes in hex; half of a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD. */
function escapeCharacter(character: string): string {
  let text = '';
  for (const byte of utf8.encode(character)) text += `%${byte < 0x10 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
  return text;
}
