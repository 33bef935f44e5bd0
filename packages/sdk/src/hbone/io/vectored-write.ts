/** One write of several pieces, in order; what of them is memory of ours comes back when the kernel has it. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isPassedOn, release } from '../blocks.js';

/**
 * False when the socket wants to be left alone until `drain`. `done` is called when all is written, not when that fails;
 * with no pieces, never.
 */
export function writeAll(socket: Duplex, pieces: readonly Uint8Array[], done?: () => void): boolean {
  const last = pieces.at(-1);
  if (!last) return true;
  if (pieces.length > 1) socket.cork();
  for (let index = 0; index < pieces.length - 1; index++) socket.write(pieces[index]);
  // Other streams may hold on to what they have called written; a socket has given it to the kernel or encrypted it.
  const comesBack = socket instanceof Socket && pieces.some(isPassedOn);
  const written = (error?: Error | null) => {
    if (error) return;
    if (comesBack) for (const piece of pieces) release(piece);
    done?.();
  };
  const writable = comesBack || done ? socket.write(last, written) : socket.write(last);
  if (pieces.length > 1) socket.uncork();
  return writable;
}
