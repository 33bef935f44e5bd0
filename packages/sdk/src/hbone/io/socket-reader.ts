/**
 * Reads a TCP or TLS socket without the buffer that Node makes for every read: 64 KiB are allocated, cut down to what
 * came, and left to the garbage collector. Node has a way round it (`onread`), but only for sockets that are dialled; here
 * the same is set on any socket, with properties that are not documented. Where Node does not have them, or the socket has
 * been read from already, `data` events do the same more slowly.
 *
 * Chunks belong to whoever gets them. What arrives in small pieces is copied, so that a few bytes that wait for a slow
 * reader never keep a large buffer alive; what arrives in bulk is handed on as it was read.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What libuv suggests for a read; a read that fills it says that more is waiting. */
const READ_BYTES = 65_536;
/** A socket that is read in pieces of this size or more is read in bulk. */
const BULK_BYTES = 16_384;

/** Where small pieces land; shared by all sockets, because each copies before the next one reads. */
const staging = Buffer.allocUnsafeSlow(READ_BYTES);

type OnChunk = (chunk: Uint8Array) => void;

/** The keys under which `net.Socket` keeps its `onread` option. */
interface BufferKeys {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

interface BufferedHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

/** From now on `onChunk` hears what the socket reads. It still has to be resumed. */
export function readChunks(socket: Duplex, onChunk: OnChunk): void {
  if (!(socket instanceof Socket && readIntoBuffers(socket, onChunk))) socket.on('data', onChunk);
}

/** False where it cannot be done. */
function readIntoBuffers(socket: Socket, onChunk: OnChunk): boolean {
  const handle = handleOf(socket);
  keys ??= findKeys(socket);
  if (!handle || !keys || socket.readableLength > 0 || socket.readableFlowing) return false;
  let next: Uint8Array = staging;
  const received = (bytes: number, buffer: Uint8Array): boolean => {
    const isBulk = bytes >= BULK_BYTES;
    next = isBulk ? Buffer.allocUnsafeSlow(READ_BYTES) : staging;
    onChunk(buffer !== staging && isBulk ? buffer.subarray(0, bytes) : copyOf(buffer, bytes));
    return true;
  };
  // One by one: a literal with computed keys is made by the runtime, at the price of three stores (0.5 % of a tunnel).
  const target = socket as unknown as Record<symbol, unknown>;
  target[keys.buffer] = staging;
  target[keys.callback] = received;
  target[keys.generator] = () => next;
  handle.useUserBuffer(staging);
  return true;
}

function copyOf(buffer: Uint8Array, bytes: number): Uint8Array {
  const copy = Buffer.allocUnsafe(bytes);
  copy.set(buffer.subarray(0, bytes));
  return copy;
}

function handleOf(socket: Socket): BufferedHandle | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<BufferedHandle> | null };
  return typeof handle?.useUserBuffer === 'function' ? (handle as BufferedHandle) : undefined;
}

let keys: BufferKeys | undefined;

function findKeys(socket: Socket): BufferKeys | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, callback, generator] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  return buffer && callback && generator ? { buffer, callback, generator } : undefined;
}
