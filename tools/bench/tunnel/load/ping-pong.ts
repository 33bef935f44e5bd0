/** A small message and its echo, one at a time on each of many connections, as fast as they come. */
import type { Socket } from 'node:net';
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

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #play(socket: Socket): void {
    const message = Buffer.alloc(this.#init.bytes, 'ping');
    let missing = 0;
    const send = () => {
      missing = message.length;
      socket.write(message);
    };
    socket.on('error', () => {});
    socket.on('data', ({ length }) => {
      missing -= length;
      if (missing > 0) return;
      this.#operations++;
      send();
    });
    send();
  }
}
