/**
 * The driver: joins a connection (which knows no I/O) with a socket and a clock. Output leaves once per turn of the
 * event loop, so that frames of many streams share one write and one TLS record; a socket that takes no more stops the
 * flow back to the streams. Whatever ends the socket ends the connection exactly once, with a typed reason.
 */
import type { Duplex } from 'node:stream';
import { goAwaySize, writeGoAway } from '@isthmus/codec-wasm';
import type { Clock } from '../../runtime/clock.js';
import { Fault } from '../../wire/faults.js';
import type { Connection, ConnectionEnd, ConnectionObserver } from '../engine/connection.js';
import { ErrorCode } from '../engine/error-code.js';
import type { HboneSettings } from '../settings.js';
import { readChunks } from './socket-reader.js';
import { faultOfTls } from './tls-faults.js';
import { writeAll } from './vectored-write.js';

/** Taken from the connection at a time: enough to fill a fast link until `drain`, little enough to stay fair. */
const FLUSH_BYTES = 262_144;

/** All that was opened may have been processed: the streams are lost, not refused. */
const FAREWELL = new Uint8Array(goAwaySize(0));
writeGoAway(FAREWELL, 0, 2 ** 31 - 1, ErrorCode.NO_ERROR, new Uint8Array());

export interface TransportInit<C extends Connection> {
  /** Established and verified. From here on it belongs to the transport. */
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly settings: HboneSettings;
  /** The peer in messages. */
  readonly peer: string;
  /** Makes the connection; called once, at once. */
  connect(observer: ConnectionObserver, now: number): C;
}

export interface Transport<C extends Connection> {
  readonly connection: C;
  /** Ends everything now; an orderly end that is under way is given no more time than any other. */
  close(reason?: string): void;
  /** Ends everything now because of `fault`, which its streams are lost with. The peer is told by GOAWAY NO_ERROR. */
  abort(fault: Fault): void;
  /** When the socket is gone, with how the connection ended. Never rejects. */
  readonly closed: Promise<ConnectionEnd>;
}

/** Throws a `Fault` when the connection cannot be made; the socket is then destroyed. */
export function createTransport<C extends Connection>(init: TransportInit<C>): Transport<C> {
  const { socket, clock, settings } = init;
  let connection: C | undefined;
  let end: ConnectionEnd | undefined;
  let flushScheduled = false;
  let isHurried = false;
  let cancelTick = () => {};
  let cancelLinger = () => {};

  const observer: ConnectionObserver = {
    wake() {
      if (!socket.writableNeedDrain) scheduleFlush();
    },
    over(how) {
      end = how;
      cancelTick();
      // Even when the socket is full: a peer that reads nothing would never let it drain.
      scheduleFlush();
    },
  };

  function scheduleFlush(): void {
    if (flushScheduled) return;
    flushScheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    flushScheduled = false;
    if (!connection || socket.destroyed || socket.writableEnded) return;
    let writable = !socket.writableNeedDrain || end !== undefined;
    while (writable && connection.hasOutput) writable = writeAll(socket, connection.take(FLUSH_BYTES));
    if (end) hangUp(end);
    else connection.noteStarved(clock.monotonic());
  }

  /**
   * FIN, and time for the farewell to arrive and for the peer to hang up too. After an orderly end it says that the last
   * bytes of the last stream have arrived: it has as long as for a PING, behind which no more could wait.
   */
  function hangUp({ kind }: ConnectionEnd): void {
    if (!socket.writableEnded) socket.end();
    cancelLinger();
    const lingerMs = kind === 'graceful' && !isHurried ? settings.pingTimeoutMs : settings.lingerMs;
    cancelLinger = clock.schedule(lingerMs, () => socket.destroy());
  }

  function armTick(driven: C): void {
    const dueAt = driven.dueAt;
    if (dueAt === Number.POSITIVE_INFINITY) return;
    cancelTick = clock.schedule(Math.max(0, dueAt - clock.monotonic()), () => {
      driven.tick(clock.monotonic());
      armTick(driven);
    });
  }

  let resolveClosed: (how: ConnectionEnd) => void = () => {};
  const closed = new Promise<ConnectionEnd>((resolve) => {
    resolveClosed = resolve;
  });
  function onClose(): void {
    connection?.transportEnded();
    cancelTick();
    cancelLinger();
    if (end) resolveClosed(end);
  }
  socket.on('error', (error) => connection?.transportEnded(faultOfTls(error, init.peer) ?? error));
  socket.on('end', () => connection?.transportEnded());
  socket.on('close', onClose);

  try {
    connection = init.connect(observer, clock.monotonic());
  } catch (error) {
    socket.destroy();
    // A bound of ours has its own name.
    if (error instanceof Fault) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    throw new Fault('CONNECT_FAILED', `no HTTP/2 connection with ${init.peer} can be kept: ${detail}`, {
      cause: error,
    });
  }
  const driven = connection;
  listen(socket, (bytes) => driven.receive(bytes, clock.monotonic()));
  socket.on('drain', flush);
  armTick(driven);
  observer.wake();
  // It may have closed between its handshake and now, before anyone listened.
  if (socket.closed) onClose();
  return {
    connection: driven,
    closed,
    close(reason) {
      isHurried = true;
      if (!end) driven.close(reason);
      else if (socket.writableEnded && !socket.destroyed) hangUp(end);
    },
    abort(fault) {
      driven.transportEnded(fault);
      if (!socket.destroyed && !socket.writableEnded) socket.write(FAREWELL);
    },
  };
}

/** What came with the end of the handshake is there already; it too is heard in a later turn, as all that follows. */
function listen(socket: Duplex, onChunk: (chunk: Uint8Array) => void): void {
  const early: Uint8Array | null = socket.read();
  readChunks(socket, onChunk);
  if (early) process.nextTick(onChunk, early);
  socket.resume();
}
