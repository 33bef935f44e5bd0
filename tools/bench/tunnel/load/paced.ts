/**
 * A small message on each of many connections at fixed times, whatever became of the ones before, and how long after its
 * time each echo was there. A sender that waits for its answers (`ping-pong.ts`) keeps the proxies as busy as they can be:
 * what it times is the queue that it makes itself, and it asks less often just when answers are late.
 */
import type { Socket } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { dialled } from '../loopback.js';
import type { TimedLoad } from './load.js';

export interface PacedInit {
  readonly port: number;
  readonly connections: number;
  readonly bytes: number;
  /** From message to message of one connection; connections take turns within it. */
  readonly everyMs: number;
}

/** How often it is looked whether a message is due. */
const TICK_MS = 1;

interface Line {
  readonly socket: Socket;
  /** When the messages were due whose echoes are not there yet, in nanoseconds. */
  readonly due: bigint[];
  next: bigint;
  /** Bytes of the oldest of them that are not there yet. */
  missing: number;
}

export class Paced implements TimedLoad {
  readonly bytes = 0;
  readonly #init: PacedInit;
  readonly #message: Buffer;
  readonly #histogram = createHistogram();
  #lines: readonly Line[] = [];
  #operations = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(init: PacedInit) {
    this.#init = init;
    this.#message = Buffer.alloc(init.bytes, 'ping');
  }

  get operations(): number {
    return this.#operations;
  }

  async start(): Promise<void> {
    const { port, connections, bytes } = this.#init;
    const sockets = await Promise.all(Array.from({ length: connections }, () => dialled(port)));
    const begin = process.hrtime.bigint();
    const step = this.#everyNs / BigInt(connections);
    this.#lines = sockets.map((socket, index) => ({
      socket,
      due: [],
      next: begin + BigInt(index) * step,
      missing: bytes,
    }));
    for (const line of this.#lines) this.#listen(line);
    this.#timer = setInterval(() => this.#sendDue(), TICK_MS);
  }

  latencies(): { readonly p50: number; readonly p99: number } {
    const seconds = (percentile: number) => this.#histogram.percentile(percentile) / 1e9;
    const figures = { p50: seconds(50), p99: seconds(99) };
    this.#histogram.reset();
    return figures;
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const { socket } of this.#lines) socket.destroy();
  }

  get #everyNs(): bigint {
    return BigInt(this.#init.everyMs) * 1_000_000n;
  }

  /** A message counts from when it is sent if the timer comes late: that is this process, not the proxies. */
  #sendDue(): void {
    const now = process.hrtime.bigint();
    for (const line of this.#lines) {
      if (line.next > now) continue;
      line.socket.write(this.#message);
      line.due.push(process.hrtime.bigint());
      // After a pause no burst: one message for each turn that was missed would be a load of another kind.
      while (line.next <= now) line.next += this.#everyNs;
    }
  }

  #listen(line: Line): void {
    line.socket.on('error', () => {});
    line.socket.on('data', ({ length }) => {
      for (let left = length; left > 0; ) {
        const part = Math.min(left, line.missing);
        left -= part;
        line.missing -= part;
        if (line.missing === 0) this.#answered(line);
      }
    });
  }

  #answered(line: Line): void {
    const sentAt = line.due.shift();
    line.missing = this.#init.bytes;
    if (sentAt === undefined) throw new Error('an echo of nothing');
    this.#histogram.record(process.hrtime.bigint() - sentAt);
    this.#operations++;
  }
}
