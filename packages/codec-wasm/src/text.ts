/**
 * Bytes to text and back. `latin1` is ISO 8859-1: byte n is U+00nn, unlike TextDecoder's. Where the platform is Node its
 * Buffer does the work, several times faster than a loop; it is looked up, never imported, and nothing else depends on it.
 */

/** What is used of Node's Buffer. */
interface NodeBuffer extends Uint8Array {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

interface NodeBufferConstructor {
  from(buffer: ArrayBuffer): Uint8Array;
}

const { Buffer: platform } = globalThis as unknown as { Buffer?: NodeBufferConstructor };

/** All of a memory as bytes; the functions below are fastest on what this answers. */
export function bytesOf(buffer: ArrayBuffer): Uint8Array {
  return platform === undefined ? new Uint8Array(buffer) : platform.from(buffer);
}

function isNodeBuffer(bytes: Uint8Array): bytes is NodeBuffer {
  const { latin1Slice, latin1Write } = bytes as Partial<NodeBuffer>;
  return latin1Slice !== undefined && latin1Write !== undefined;
}

// A BOM is a character of the value like any other.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Arguments of one call of String.fromCharCode; engines allow at least this many. */
const RUN = 8192;

/** A character that is no byte. On text that engines store in bytes this is answered without looking at any. */
const WIDE = /[^\0-\xff]/;

export function latin1At(bytes: Uint8Array, start: number, length: number): string {
  if (isNodeBuffer(bytes)) return bytes.latin1Slice(start, start + length);
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
  if (isNodeBuffer(target) && !WIDE.test(text)) {
    target.latin1Write(text, at, text.length);
    return;
  }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    target[at + i] = code <= 0xff ? code : otherwise;
  }
}
