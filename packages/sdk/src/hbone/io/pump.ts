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
import type { StreamEnd, TunnelStreamHandlers } from '../types.js';
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
    const down: Side = { name: 'downstream', channel: channelOf(downstream), ended: false, closed: false };
    const up: Side = { name: 'upstream', channel: channelOf(upstream), ended: false, closed: false };
    const course: Course = { observer, resolve, outcome: CLEAN };
    down.channel.handlers = new Direction(down, up, course);
    up.channel.handlers = new Direction(up, down, course);
  });
}

const CLEAN: PumpEnd = { kind: 'clean' };

interface Side {
  readonly name: 'downstream' | 'upstream';
  readonly channel: Channel;
  /** Nothing more comes from it. */
  ended: boolean;
  closed: boolean;
}

/** What both directions share. */
interface Course {
  readonly observer: ByteObserver | undefined;
  readonly resolve: (outcome: PumpEnd) => void;
  outcome: PumpEnd;
}

/** From one side to the other. An object with methods: closures would be eight more for each tunnel, busy or idle. */
class Direction implements TunnelStreamHandlers {
  readonly #from: Side;
  readonly #to: Side;
  readonly #course: Course;

  constructor(from: Side, to: Side, course: Course) {
    this.#from = from;
    this.#to = to;
    this.#course = course;
  }

  onData(chunk: Uint8Array): void {
    const { observer } = this.#course;
    if (observer) this.#observe(observer, chunk.length);
    if (this.#from.channel.handsOver) passOn(chunk);
    if (!this.#to.channel.write(chunk)) this.#from.channel.pause();
  }

  onEnd(): void {
    this.#from.ended = true;
    this.#to.channel.end();
  }

  /** What `from` can take again is what `to` sends. */
  onDrain(): void {
    this.#to.channel.resume();
  }

  onClose(end: StreamEnd): void {
    const [from, to, course] = [this.#from, this.#to, this.#course];
    from.closed = true;
    // What this pump did itself is a consequence, not a cause.
    if (end.kind !== 'clean' && !(end.kind === 'reset' && end.by === 'local') && course.outcome.kind === 'clean') {
      course.outcome = { ...end, side: from.name };
    }
    if (!to.closed) release(to, end);
    else course.resolve(course.outcome);
  }

  #observe(observer: ByteObserver, bytes: number): void {
    if (this.#from.name === 'downstream') observer.received(bytes);
    else observer.sent(bytes);
  }
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
