/** Bytes in one direction over a few connections, as many as go through. Counted where they arrive. */
import { connect, type Socket } from 'node:net';
import { dialled, LOOPBACK } from '../loopback.js';
import { type ApplicationHost, fill } from './applications.js';
import type { Load } from './load.js';

export interface BulkInit {
  readonly port: number;
  readonly connections: number;
}

export class Upload implements Load {
  readonly operations = 0;
  readonly #init: BulkInit;
  readonly #host: ApplicationHost;
  readonly #sunkBefore: number;
  #sockets: Socket[] = [];

  constructor(init: BulkInit, host: ApplicationHost) {
    this.#init = init;
    this.#host = host;
    this.#sunkBefore = host.sunk;
  }

  get bytes(): number {
    return this.#host.sunk - this.#sunkBefore;
  }

  async start(): Promise<void> {
    const { port, connections } = this.#init;
    this.#sockets = await Promise.all(Array.from({ length: connections }, () => dialled(port)));
    for (const socket of this.#sockets) {
      socket.on('error', () => {}).resume();
      fill(socket);
    }
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Read into one buffer that nobody looks at: what is measured is the proxies, not V8's memory for their bytes. */
const BUFFER = Buffer.alloc(262_144);

export class Download implements Load {
  readonly operations = 0;
  readonly #init: BulkInit;
  #bytes = 0;
  #sockets: Socket[] = [];

  constructor(init: BulkInit) {
    this.#init = init;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async start(): Promise<void> {
    const { port, connections } = this.#init;
    const count = (bytes: number) => {
      this.#bytes += bytes;
      return true;
    };
    this.#sockets = Array.from({ length: connections }, () =>
      connect({ host: LOOPBACK, port, onread: { buffer: BUFFER, callback: count } }).on('error', () => {}),
    );
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
