/**
 * The workload identities a certificate states. Node gives subject alternative names as one text, in which a value with
 * a comma or a quote stands as a JSON string: cutting at commas would let `DNS:"x, URI:spiffe://…"` pass for an identity.
 * A text that does not fit that form in whole states nothing.
 */
import { parseSpiffeId } from '../wire/spiffe.js';

const ENTRY = /([A-Za-z][A-Za-z0-9 ]*):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** SPIFFE URIs of the mesh's form, in the order of the certificate. Takes `X509Certificate.subjectAltName`. */
export function spiffeUrisOf(subjectAltName: string | undefined): readonly string[] {
  const text = subjectAltName ?? '';
  const uris: string[] = [];
  ENTRY.lastIndex = 0;
  for (let end = 0; end < text.length; end = ENTRY.lastIndex) {
    const [, kind, value = ''] = ENTRY.exec(text) ?? [];
    if (kind === undefined) return [];
    if (kind === 'URI' && parseSpiffeId(value)) uris.push(value);
  }
  return uris;
}
