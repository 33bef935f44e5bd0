/**
 * The URI names a certificate states, and the workload identities among them. Node gives subject alternative names as
 * one text, in which a value with a comma or a quote stands as a JSON string: cutting at commas would let
 * `DNS:"x, URI:spiffe://…"` pass for an identity (CVE-2021-44532). No valid SPIFFE URI needs quotes, so a quoted URI
 * counts as none. A text that does not fit that form in whole states nothing.
 */
import { parseSpiffeId } from '../wire/spiffe.js';

const ENTRY = /([A-Za-z][A-Za-z0-9 ]*):(?:"(?:[^"\\]|\\.)*"|([^,"]*))(?:, |$)/y;

/** All URIs, of whatever scheme, in the order of the certificate. Takes `X509Certificate.subjectAltName`. */
export function urisOf(subjectAltName: string | undefined): readonly string[] {
  const text = subjectAltName ?? '';
  const uris: string[] = [];
  ENTRY.lastIndex = 0;
  for (let end = 0; end < text.length; end = ENTRY.lastIndex) {
    const [, kind, value] = ENTRY.exec(text) ?? [];
    if (kind === undefined) return [];
    if (kind === 'URI' && value !== undefined) uris.push(value);
  }
  return uris;
}

/** Those of them that are identities of the mesh's form. */
export function spiffeUrisOf(subjectAltName: string | undefined): readonly string[] {
  return urisOf(subjectAltName).filter((uri) => parseSpiffeId(uri) !== undefined);
}
