/** How V8 is told what sockets are made from. Process-wide: a program's to decide, never a library's. */
import { Socket, type SocketConstructorOpts } from 'node:net';

/** V8 remembers four shapes of objects for a place in the code; with more it stops looking at them one by one. */
const SHAPES = 8;
/** It takes notes of a function from its second dozen of calls or so. */
const ROUNDS = 16;

/**
 * To be called before many sockets are opened; takes 2 ms, once.
 *
 * Node makes every socket from a copy of its options, to which it then adds some. The V8 of Node 20 gives each such copy
 * hidden classes of its own, one for each option that is added, left to full collections, and none of the code that reads
 * the copy has seen them before: 6 us for a socket. Where it has seen more shapes of options than it remembers, it makes
 * the copy field by field, and all copies share their classes: 0.5 us. So it is shown them. Of no effect where Node does
 * not have that fault (from 22 on).
 */
export function expectManySockets(): void {
  for (let round = 0; round < ROUNDS; round++) {
    for (let shape = 0; shape < SHAPES; shape++) {
      const unknownToNode = { [`shape${shape}`]: true };
      new Socket(unknownToNode as SocketConstructorOpts);
    }
  }
}
