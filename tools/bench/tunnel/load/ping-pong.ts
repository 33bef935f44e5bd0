/** A small message and its echo, one at a time on each of many connections, every round trip timed. */
import type { Socket } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { dialled } from '../loopback.js';
import type { Load } from './load.js';

export interface PingPongInit {
  readonly port: number;
  readonly connections: number;
  readonly bytes: number;
}

export class PingPong implements Load {
  readonly bytes = 0;
  readonly #init: PingPongInit;
  readonly #histogram = createHistogram();
  #sockets: Socket[] = [];
  #operations = 0;

  constructor(init: PingPongInit) {
    this.#init = init;
  }

  get operations(): number {
    return this.#operations;
  }

  async start(): Promise<void> {
    const { port, connections } = this.#init;
    this.#sockets = await Promise.all(Array.from({ length: connections }, () => dialled(port)));
    for (const socket of this.#sockets) this.#play(socket);
  }

  /** Seconds, of the round trips since the last call. */
  latencies(): { readonly p50: number; readonly p99: number } {
    const seconds = (percentile: number) => this.#histogram.percentile(percentile) / 1e9;
    const figures = { p50: seconds(50), p99: seconds(99) };
    this.#histogram.reset();
    return figures;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #play(socket: Socket): void {
    const message = Buffer.alloc(this.#init.bytes, 'ping');
    let missing = 0;
    let sentAt = 0n;
    const send = () => {
      missing = message.length;
      sentAt = process.hrtime.bigint();
      socket.write(message);
    };
    socket.on('error', () => {});
    socket.on('data', ({ length }) => {
      missing -= length;
      if (missing > 0) return;
      this.#histogram.record(process.hrtime.bigint() - sentAt);
      this.#operations++;
      send();
    });
    send();
  }
}
