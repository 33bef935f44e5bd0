/**
 * The Duplex face of a stream, for HTTP, TLS and whoever reads Node streams. Back-pressure is the stream's own: a full
 * readable side pauses it, a write waits for `onDrain`. Half-close is independent per direction.
 *
 * Ends: a reset by the peer with NO_ERROR or CANCEL reads as the end; any other reset and a lost connection destroy with
 * an error. Destroying resets the stream, except after both directions have ended.
 */
import { Duplex } from 'node:stream';
import { Fault } from '../../wire/faults.js';
import { ErrorCode, errorCodeName } from '../engine/error-code.js';
import type { StreamEnd, TunnelStream } from '../types.js';

const HIGH_WATER_BYTES = 65_536;

type WriteCallback = (error?: Error | null) => void;

class TunnelDuplex extends Duplex {
  readonly #stream: TunnelStream;
  #writeDone: WriteCallback | undefined;
  #peerEnded = false;

  constructor(stream: TunnelStream) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES });
    this.#stream = stream;
    stream.handlers = {
      onData: (chunk) => {
        if (!this.push(chunk)) stream.pause();
      },
      onEnd: () => this.#endReadable(),
      onDrain: () => this.#finishWrite(),
      onClose: (end) => this.#closed(end),
    };
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: WriteCallback): void {
    if (this.#stream.write(chunk)) done();
    else this.#writeDone = done;
  }

  override _writev(items: readonly { readonly chunk: Buffer }[], done: WriteCallback): void {
    let writable = true;
    for (const { chunk } of items) writable = this.#stream.write(chunk);
    if (writable) done();
    else this.#writeDone = done;
  }

  override _final(done: WriteCallback): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: WriteCallback): void {
    // Both directions ended: our END_STREAM may still be queued, and must not be overtaken by a reset.
    if (!(this.writableFinished && this.#peerEnded))
      this.#stream.reset(error ? ErrorCode.INTERNAL_ERROR : ErrorCode.CANCEL);
    this.#finishWrite(error ?? new Error('the tunnel was destroyed'));
    done(error);
  }

  #endReadable(): void {
    if (this.#peerEnded) return;
    this.#peerEnded = true;
    this.push(null);
  }

  #finishWrite(error?: Error): void {
    const done = this.#writeDone;
    this.#writeDone = undefined;
    done?.(error);
  }

  #closed(end: StreamEnd): void {
    const error = errorOfEnd(end);
    if (error) {
      this.destroy(error);
      return;
    }
    this.#endReadable();
    // A peer that reset while we still write wants no more: later writes fail instead of vanishing.
    if (!this.writableFinished && !this.destroyed) this.#closeWritable();
  }

  #closeWritable(): void {
    if (this.#writeDone) this.destroy(new Fault('TUNNEL_LOST', 'the peer reset the tunnel while it was written to'));
    else this.end();
  }
}

/** The error a user sees; undefined for ends that are none. */
function errorOfEnd(end: StreamEnd): Error | undefined {
  if (end.kind === 'lost') return end.error;
  if (end.kind === 'clean' || end.by === 'local') return undefined;
  return new Fault('TUNNEL_LOST', `the peer reset the tunnel with ${errorCodeName(end.errorCode)}`);
}

/** Takes over the stream's handlers: one face per stream. */
export function createTunnelDuplex(stream: TunnelStream): Duplex {
  return new TunnelDuplex(stream);
}
