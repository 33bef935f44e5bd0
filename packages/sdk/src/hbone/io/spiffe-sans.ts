/**
 * SPIFFE URIs out of the text Node makes of a certificate's subject alternative names: `URI:spiffe://..., DNS:"a, b"`.
 * Entries that could be mistaken are quoted by Node, and read as quoted here: a comma inside a DNS name must not make
 * an identity (CVE-2021-44532). An entry that is quoted is never a SPIFFE URI and is skipped.
 */
const ENTRY = /([A-Za-z ]+):(?:"((?:[^"\\]|\\.)*)"|([^,"]*))(?:, |$)/y;

/** All URI names in order; an empty list when the text is not of that form throughout. */
export function uriSans(subjectAltName: string | undefined): readonly string[] {
  const uris: string[] = [];
  const text = subjectAltName ?? '';
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < text.length) {
    const match = ENTRY.exec(text);
    if (!match) return [];
    const [, type, , plain] = match;
    if (type === 'URI' && plain !== undefined) uris.push(plain);
  }
  return uris;
}
