/**
 * Reads a TCP or TLS socket without the buffer that Node makes for every read, cuts down to what came, and leaves to the
 * garbage collector. Node has a way round it (`onread`), but only for sockets that are dialled; here the same is set on any
 * socket, with properties that are not documented. Where Node does not have them, or the socket has been read from already,
 * `data` events do the same more slowly.
 *
 * A socket reads into memory that all of them share, and what came is copied: an idle socket holds no buffer, and a few
 * bytes that wait for a slow reader never keep a large one alive. After a read that shows that more is waiting it reads
 * into blocks of its own, which are handed on as they are, until a read comes short.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { BLOCK_BYTES, Block } from '../blocks.js';

/** A read of that many bytes says that more is waiting. TCP fills what it is given, TLS hands over record by record. */
const FULL_TCP_READ = BLOCK_BYTES;
const FULL_TLS_READ = 16_384;
/** What is shorter is copied to memory of its size, what is longer into a block. */
const SMALL_READ = 4_096;

/** Where reads land by default; shared by all sockets, because each copies before the next one reads. */
const staging = Buffer.allocUnsafeSlow(BLOCK_BYTES);

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

/**
 * From now on `onChunk` hears what the socket reads, and may keep it. The socket still has to be resumed. True when nobody
 * else can hear it.
 */
export function readChunks(socket: Duplex, onChunk: OnChunk): boolean {
  if (socket instanceof Socket && readIntoBuffers(socket, onChunk)) return true;
  socket.on('data', onChunk);
  return false;
}

/** Where the socket that has just been read goes on: Node asks as soon as it is told of a read, so that one will do. */
let nextRoom: Uint8Array = staging;
const takeNextRoom = () => nextRoom;

/** False where it cannot be done. */
function readIntoBuffers(socket: Socket, onChunk: OnChunk): boolean {
  const handle = handleOf(socket);
  keys ??= findKeys(socket);
  if (!handle || !keys || socket.readableLength > 0 || socket.readableFlowing) return false;
  const target = new ReadTarget(socket instanceof TLSSocket ? FULL_TLS_READ : FULL_TCP_READ);
  const received = (bytes: number): boolean => {
    onChunk(target.take(bytes));
    nextRoom = target.room;
    return true;
  };
  // One by one: a literal with computed keys is made by the runtime, at the price of three stores (0.5 % of a tunnel).
  const fields = socket as unknown as Record<symbol, unknown>;
  fields[keys.buffer] = staging;
  fields[keys.callback] = received;
  fields[keys.generator] = takeNextRoom;
  handle.useUserBuffer(staging);
  return true;
}

/** Where the next read of one socket goes. */
class ReadTarget {
  /** What the next read may fill. */
  room: Uint8Array = staging;
  readonly #full: number;
  #block: Block | undefined;
  #at = 0;

  constructor(full: number) {
    this.#full = full;
  }

  /** What was read into `room`. */
  take(bytes: number): Uint8Array {
    const block = this.#block;
    const chunk = block && bytes >= SMALL_READ ? block.lend(this.#at, this.#at + bytes) : copyOf(this.room, bytes);
    this.#prepare(bytes);
    return chunk;
  }

  #prepare(read: number): void {
    this.#at += read;
    if (this.#block && (read < this.#full || BLOCK_BYTES - this.#at < this.#full)) {
      this.#block.leave();
      this.#block = undefined;
    }
    if (!this.#block && read >= this.#full) {
      this.#block = Block.take();
      this.#at = 0;
    }
    this.room = this.#block ? this.#block.bytes.subarray(this.#at) : staging;
  }
}

function copyOf(room: Uint8Array, bytes: number): Uint8Array {
  const read = room.subarray(0, bytes);
  if (bytes < SMALL_READ) {
    const copy = Buffer.allocUnsafe(bytes);
    copy.set(read);
    return copy;
  }
  const block = Block.take();
  block.bytes.set(read);
  const copy = block.lend(0, bytes);
  block.leave();
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
