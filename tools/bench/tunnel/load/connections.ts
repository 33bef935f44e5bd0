/** New connections: one after another on each of a few lanes, or many that stay. Each carries a byte there and back. */
import type { Socket } from 'node:net';
import { dial } from '../loopback.js';
import type { Load } from './load.js';

const BYTE = Buffer.of(1);
/** Connections being opened at a time, so that no backlog of the kernel overflows. */
const OPENING = 64;

export interface ChurnInit {
  readonly port: number;
  readonly concurrency: number;
}

/** An operation is a connection opened, answered and closed in both directions. */
export class Churn implements Load {
  readonly bytes = 0;
  readonly #init: ChurnInit;
  #operations = 0;
  #stopped = false;

  constructor(init: ChurnInit) {
    this.#init = init;
  }

  get operations(): number {
    return this.#operations;
  }

  async start(): Promise<void> {
    for (let lane = 0; lane < this.#init.concurrency; lane++) this.#open();
  }

  stop(): void {
    this.#stopped = true;
  }

  #open(): void {
    if (this.#stopped) return;
    const socket = dial(this.#init.port);
    let answered = false;
    socket.on('connect', () => socket.write(BYTE));
    socket.on('data', () => {
      answered = true;
      socket.end();
    });
    socket.on('error', (error) => process.stderr.write(`load: ${error.message}\n`));
    socket.on('close', () => {
      if (answered) this.#operations++;
      this.#open();
    });
  }
}

export interface IdleInit {
  readonly port: number;
  readonly connections: number;
}

export class Idle implements Load {
  readonly bytes = 0;
  readonly #init: IdleInit;
  readonly #sockets: Socket[] = [];

  constructor(init: IdleInit) {
    this.#init = init;
  }

  get operations(): number {
    return this.#sockets.length;
  }

  async start(): Promise<void> {
    const { port, connections } = this.#init;
    let left = connections;
    const lane = async () => {
      while (left-- > 0) this.#sockets.push(await answered(port));
    };
    await Promise.all(Array.from({ length: OPENING }, lane));
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function answered(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dial(port);
    const lost = () => reject(new Error('an idle connection was closed by the proxy'));
    socket.once('error', reject).once('close', lost);
    socket.write(BYTE);
    socket.once('data', () => {
      socket
        .off('close', lost)
        .off('error', reject)
        .on('error', () => {});
      resolve(socket);
    });
  });
}
