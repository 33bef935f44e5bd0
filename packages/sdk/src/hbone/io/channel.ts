/**
 * Sockets and Duplex streams with the light face of a tunnel stream, so that one pump serves every pair.
 *
 * What a reset means follows RFC 9113 section 8.5: an error of the stream becomes a TCP RST, an error of TCP a reset of
 * the stream. ztunnel turns both into an orderly end; a user should rather see that a connection broke.
 */
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Fault } from '../../wire/faults.js';
import { ErrorCode, errorCodeName, isCleanReset } from '../engine/error-code.js';
import type { StreamEnd, TunnelStream, TunnelStreamHandlers } from '../types.js';
import { GatheredWrites, type WriteSource } from './gathered-writes.js';
import { readChunks } from './socket-reader.js';

/** One end of a pump: what `TunnelStream` offers, without its counters. A socket that failed ends as `lost`. */
export type Channel = Omit<TunnelStream, 'id' | 'bytesReceived' | 'bytesSent'>;

/** A Duplex must have a channel once only; what is a channel already comes back as it is. */
export function channelOf(side: Duplex | Channel): Channel {
  return side instanceof Duplex ? new DuplexChannel(side) : side;
}

const CLEAN: StreamEnd = { kind: 'clean' };

class DuplexChannel implements Channel, WriteSource {
  readonly #duplex: Duplex;
  readonly #writes: GatheredWrites;
  #handlers: TunnelStreamHandlers | undefined;
  #end: StreamEnd = CLEAN;
  #handsOver = false;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#writes = new GatheredWrites(duplex, this);
    // A side that ends one direction keeps the other; sockets of a server are not made that way by default.
    duplex.allowHalfOpen = true;
    duplex.on('error', (error) => {
      if (this.#end.kind === 'clean') this.#end = { kind: 'lost', error };
    });
  }

  get handlers(): TunnelStreamHandlers {
    if (!this.#handlers) throw new Error('the channel has no handlers yet');
    return this.#handlers;
  }

  set handlers(handlers: TunnelStreamHandlers) {
    this.#handlers = handlers;
    const duplex = this.#duplex;
    if (duplex.closed || duplex.destroyed) {
      const error = duplex.errored ?? new Error('the connection was closed before it could be used');
      queueMicrotask(() => handlers.onClose({ kind: 'lost', error }));
      return;
    }
    // Whoever else listens to `data` may keep what he hears.
    this.#handsOver = readChunks(duplex, (chunk) => this.#handlers?.onData(chunk));
    duplex.on('close', () => this.#closed());
    const onEnd = () => this.#handlers?.onEnd();
    if (duplex.readableEnded) queueMicrotask(onEnd);
    else duplex.on('end', onEnd);
    duplex.resume();
  }

  /** The tunnel at the other side is let go of: sockets that were closed may be in memory until a full collection. */
  #closed(): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.onClose(this.#end);
  }

  get handsOver(): boolean {
    return this.#handsOver;
  }

  write(chunk: Uint8Array): boolean {
    return this.#duplex.writable ? this.#writes.write(chunk) : false;
  }

  drained(): void {
    this.#handlers?.onDrain();
  }

  end(): void {
    const duplex = this.#duplex;
    this.#writes.flush();
    if (duplex.destroyed || duplex.writableEnded) return;
    // The last thing either side has to say: closing the descriptor sends the FIN as well as `shutdown` does, without
    // a turn of the event loop to hear that it is done (5 % of what a short tunnel costs its proxy).
    if (duplex.readableEnded && duplex.writableLength === 0 && isPlain(duplex)) duplex.destroy();
    else duplex.end();
  }

  close(): void {
    const duplex = this.#duplex;
    this.#writes.flush();
    if (duplex.writableFinished) duplex.destroy();
    else duplex.end(() => duplex.destroy());
  }

  reset(errorCode: number = ErrorCode.CANCEL): void {
    const duplex = this.#duplex;
    if (duplex.destroyed) return;
    this.#end = { kind: 'reset', by: 'local', errorCode };
    if (isCleanReset(errorCode)) duplex.destroy();
    else if (isTcp(duplex)) resetTcp(duplex);
    else duplex.destroy(new Fault('TUNNEL_LOST', `the other side was reset with ${errorCodeName(errorCode)}`));
  }

  pause(): void {
    this.#duplex.pause();
  }

  resume(): void {
    this.#duplex.resume();
  }
}

/**
 * libuv refuses to reset a socket whose FIN is under way, and Node then never closes its descriptor. Closing it is enough:
 * to whatever still comes the kernel answers with RST.
 */
function resetTcp(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Only TCP knows RST; on a TLS or a Unix socket `resetAndDestroy` throws. */
function isTcp(duplex: Duplex): duplex is Socket {
  return isPlain(duplex) && duplex.remotePort !== undefined;
}

/** A socket of the kernel with nothing on top. */
function isPlain(duplex: Duplex): duplex is Socket {
  return duplex instanceof Socket && !('encrypted' in duplex);
}
