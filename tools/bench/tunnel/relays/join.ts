/** `pipe` both ways, with what `pipe` leaves to its user: a side that breaks breaks the other, one that is over lets it finish. */
import { constants, type Http2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

export function join(one: Duplex, other: Duplex): void {
  one.pipe(other).pipe(one);
  passOn(one, other);
  passOn(other, one);
}

function passOn(from: Duplex, to: Duplex): void {
  from.on('error', () => abort(to));
  from.on('close', () => {
    if (!from.readableEnded || to.writableFinished) abort(to);
    else to.once('finish', () => abort(to));
  });
}

/** A stream of node:http2 that is merely destroyed does not always tell its peer. */
function abort(side: Duplex | Http2Stream): void {
  if ('rstCode' in side) side.close(constants.NGHTTP2_CANCEL);
  else side.destroy();
}
