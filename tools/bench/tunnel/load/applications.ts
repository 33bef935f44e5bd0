/** The applications behind the server proxy. They know when they are idle again, so that one load never meets another. */
import type { Socket } from 'node:net';
import type { Applications } from '../contract.js';
import { listen } from '../loopback.js';
import { mirror } from './integrity.js';

/** More than the proxies take at a time, so that they never wait for it. */
const BLOCK = Buffer.alloc(262_144, 'isthmus ');

export class ApplicationHost {
  #sunk = 0;
  readonly #open = new Set<Socket>();

  /** Bytes that `sink` has read. */
  get sunk(): number {
    return this.#sunk;
  }

  get connections(): number {
    return this.#open.size;
  }

  async listen(): Promise<Applications> {
    return {
      sink: await this.#serve((socket) => {
        socket.on('data', ({ length }: Buffer) => {
          this.#sunk += length;
        });
        endWithPeer(socket);
      }),
      source: await this.#serve((socket) => {
        fill(socket);
        socket.resume();
      }),
      echo: await this.#serve((socket) => {
        socket.on('data', (chunk: Buffer) => socket.write(chunk));
        endWithPeer(socket);
      }),
      mirror: await this.#serve(mirror),
    };
  }

  #serve(application: (socket: Socket) => void): Promise<number> {
    return listen((socket) => {
      this.#open.add(socket);
      // Loads end connections in the midst of transfers.
      socket.on('error', () => {}).on('close', () => this.#open.delete(socket));
      application(socket);
    });
  }
}

/** Writes for as long as the connection lives. */
export function fill(socket: Socket): void {
  const write = () => {
    while (socket.writable && socket.write(BLOCK));
  };
  socket.on('drain', write);
  write();
}

function endWithPeer(socket: Socket): void {
  socket.on('end', () => socket.end());
}
