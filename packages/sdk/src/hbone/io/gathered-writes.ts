/**
 * What goes into a socket, gathered. TLS hands over 16 KiB at a time; each in a write of its own costs a pass through TCP and
 * wakes whoever reads, which is most of what a transfer costs. So large chunks of one turn of the event loop are written
 * together, and while a write is under way the next one grows. A small chunk into an idle socket does not wait.
 */
import type { Duplex } from 'node:stream';
import { isPassedOn, release } from '../blocks.js';
import { ByteQueue } from '../byte-queue.js';
import { writeAll } from './vectored-write.js';

/** What is shorter is written at once, unless something waits already. */
const GATHER_FROM_BYTES = 4_096;
/** A write of this size costs hardly more per byte than a larger one. */
const GATHER_UP_TO_BYTES = 65_536;
/** The source is asked to wait above this and called at half of it. Node's own mark would stop it after each record of TLS. */
const SINK_HIGH_BYTES = 262_144;
const SINK_LOW_BYTES = SINK_HIGH_BYTES / 2;

export interface WriteSource {
  /** There is room again. */
  drained(): void;
}

export class GatheredWrites {
  readonly #sink: Duplex;
  readonly #source: WriteSource;
  /** Made when something has to wait for the first time: an idle tunnel has none. */
  #queue: ByteQueue | undefined;
  /** Handed to the sink and not written yet. */
  #underWay = 0;
  #drainOwed = false;

  constructor(sink: Duplex, source: WriteSource) {
    this.#sink = sink;
    this.#source = source;
  }

  /** False: the source is to wait for `drained`. A small chunk into an idle sink needs no accounts: there is at most one. */
  write(chunk: Uint8Array): boolean {
    if (this.#underWay > 0) {
      this.#queue ??= new ByteQueue();
      if (!this.#queue.hold(chunk)) release(chunk);
    } else if (chunk.length >= GATHER_FROM_BYTES || this.#queuedBytes > 0) this.#gather(chunk);
    else if (this.#sink.writableLength === 0 && !isPassedOn(chunk)) this.#sink.write(chunk);
    else this.#write([chunk], chunk.length);
    if (this.#underWay + this.#queuedBytes < SINK_HIGH_BYTES) return true;
    this.#drainOwed = true;
    return false;
  }

  /** Before anything else is done to the sink. */
  flush(): void {
    const bytes = this.#queuedBytes;
    if (!this.#queue || bytes === 0) return;
    const pieces = this.#queue.take();
    if (this.#sink.writable) this.#write(pieces, bytes);
  }

  get #queuedBytes(): number {
    return this.#queue?.length ?? 0;
  }

  #gather(chunk: Uint8Array): void {
    this.#queue ??= new ByteQueue();
    const isFirst = this.#queue.length === 0;
    this.#queue.push(chunk);
    if (this.#queue.length >= GATHER_UP_TO_BYTES) this.flush();
    else if (isFirst) setImmediate(flush, this);
  }

  #write(pieces: readonly Uint8Array[], bytes: number): void {
    if (bytes === 0) return;
    this.#underWay += bytes;
    writeAll(this.#sink, pieces, () => this.#written(bytes));
  }

  #written(bytes: number): void {
    this.#underWay -= bytes;
    if (this.#underWay === 0) this.flush();
    if (!this.#drainOwed || this.#underWay + this.#queuedBytes > SINK_LOW_BYTES) return;
    this.#drainOwed = false;
    this.#source.drained();
  }
}

function flush(writes: GatheredWrites): void {
  writes.flush();
}
