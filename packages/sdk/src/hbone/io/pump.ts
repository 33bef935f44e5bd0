/**
 * Copies between two sides until both are over: two independent directions, each ending on its own, each stopping its
 * source when its sink is full. No Node stream stands in between; sockets and Duplex streams are adapted, tunnel streams
 * are used as they are.
 *
 * A side that breaks breaks the other: a reset or lost tunnel resets the socket (TCP RST), a failed socket resets the
 * tunnel. A side that ends in both directions, or is reset with NO_ERROR or CANCEL, lets the other finish what is queued.
 */
import type { Duplex } from 'node:stream';
import { passOn } from '../blocks.js';
import { ErrorCode } from '../engine/error-code.js';
import type { StreamEnd } from '../types.js';
import { type Channel, channelOf } from './channel.js';

export type PumpSide = Duplex | Channel;

/** Told of every chunk as it is passed on. */
export interface ByteObserver {
  /** From downstream to upstream. */
  received(bytes: number): void;
  /** From upstream to downstream. */
  sent(bytes: number): void;
}

/** `side` is where the failure came from; absent when the end is clean. */
export type PumpEnd = StreamEnd & { readonly side?: 'downstream' | 'upstream' };

/** Takes both sides over. Resolves when both are over, with the first failure if there was one; never rejects. */
export function pump(downstream: PumpSide, upstream: PumpSide, observer?: ByteObserver): Promise<PumpEnd> {
  return new Promise((resolve) => {
    const down: Side = { channel: channelOf(downstream), ended: false, closed: false };
    const up: Side = { channel: channelOf(upstream), ended: false, closed: false };
    let outcome: PumpEnd = { kind: 'clean' };

    const closed = (from: Side, to: Side, end: StreamEnd) => {
      from.closed = true;
      // What this pump did itself is a consequence, not a cause.
      if (end.kind !== 'clean' && !(end.kind === 'reset' && end.by === 'local') && outcome.kind === 'clean') {
        outcome = { ...end, side: from === down ? 'downstream' : 'upstream' };
      }
      if (!to.closed) release(to, end);
      else resolve(outcome);
    };
    join(down, up, (bytes) => observer?.received(bytes), closed);
    join(up, down, (bytes) => observer?.sent(bytes), closed);
  });
}

interface Side {
  readonly channel: Channel;
  /** Nothing more comes from it. */
  ended: boolean;
  closed: boolean;
}

function join(
  from: Side,
  to: Side,
  passed: (bytes: number) => void,
  closed: (from: Side, to: Side, end: StreamEnd) => void,
): void {
  from.channel.handlers = {
    onData(chunk) {
      passed(chunk.length);
      if (from.channel.handsOver) passOn(chunk);
      if (!to.channel.write(chunk)) from.channel.pause();
    },
    onEnd() {
      from.ended = true;
      to.channel.end();
    },
    // What `from` can take again is what `to` sends.
    onDrain() {
      to.channel.resume();
    },
    onClose: (end) => closed(from, to, end),
  };
}

/** The other side is over. */
function release(side: Side, end: StreamEnd): void {
  if (end.kind === 'lost') side.channel.reset(ErrorCode.CONNECT_ERROR);
  else if (end.kind === 'reset') side.channel.reset(end.errorCode);
  // A clean reset (CANCEL) is no `onEnd`: a side that has said all it had to say still waits for an end of what it hears.
  else if (side.ended) side.channel.end();
  // It may still be talking, to nobody: it is told so once everything for it is delivered.
  else side.channel.close();
}
