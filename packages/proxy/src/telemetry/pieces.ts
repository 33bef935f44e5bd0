/**
 * A page of metrics as text in pieces: the whole may be longer than a string can be (twenty thousand label sets of one
 * histogram are half a gigabyte), and should not be in memory at once for somebody who reads slowly. Pieces are made as they
 * are taken.
 */

/** So that few writes carry a page, and none holds up the connections for long. */
const PIECE_CHARS = 65_536;

/** The same text in pieces of about `PIECE_CHARS`. */
export function* gathered(texts: Iterable<string>): Generator<string> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

export function* followedBy(pieces: Iterable<string>, last: string): Generator<string> {
  yield* pieces;
  yield last;
}
