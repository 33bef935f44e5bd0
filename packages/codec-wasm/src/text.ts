/** Bytes to text and back, without Node's Buffer. `latin1` is ISO 8859-1: byte n is U+00nn, unlike TextDecoder's. */

// A BOM is a character of the value like any other.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Arguments of one call of String.fromCharCode; engines allow at least this many. */
const RUN = 8192;

export function latin1At(bytes: Uint8Array, start: number, length: number): string {
  let text = '';
  for (let at = start; at < start + length; at += RUN) {
    const run = bytes.subarray(at, Math.min(at + RUN, start + length));
    text += String.fromCharCode.apply(null, run as unknown as number[]);
  }
  return text;
}

/** UTF-8; what is none becomes U+FFFD, as W3C Baggage asks. */
export function utf8At(bytes: Uint8Array, start: number, length: number): string {
  return utf8.decode(bytes.subarray(start, start + length));
}

/** Writes characters as bytes; one that is no byte becomes `otherwise`. */
export function putLatin1(text: string, target: Uint8Array, at: number, otherwise: number): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    target[at + i] = code <= 0xff ? code : otherwise;
  }
}
