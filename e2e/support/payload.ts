/** Bulk through a tunnel and back: deterministic bytes, hashed on the way out and on the way in. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';

const CHUNK_BYTES = 64 * 1024;

export interface Exchange {
  readonly sentBytes: number;
  readonly sentHash: string;
  readonly receivedBytes: number;
  readonly receivedHash: string;
}

/** Writes `bytes` bytes and then half-closes, while reading to the end of the other side. */
export async function exchange(socket: Socket, bytes: number, seed: number): Promise<Exchange> {
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let receivedBytes = 0;
  socket.on('data', (chunk: Buffer) => {
    received.update(chunk);
    receivedBytes += chunk.length;
  });
  const ended = once(socket, 'end');

  const source = generator(seed);
  for (let left = bytes; left > 0; ) {
    const chunk = source(Math.min(left, CHUNK_BYTES));
    left -= chunk.length;
    sent.update(chunk);
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  await ended;
  return { sentBytes: bytes, sentHash: sent.digest('hex'), receivedBytes, receivedHash: received.digest('hex') };
}

/** xorshift32: no two chunks alike, so that a lost, doubled or swapped one changes the hash. */
function generator(seed: number): (bytes: number) => Buffer {
  let state = 2 * seed + 1;
  return (bytes) => {
    const words = new Uint32Array(Math.ceil(bytes / 4));
    for (let index = 0; index < words.length; index++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[index] = state;
    }
    return Buffer.from(words.buffer, 0, bytes);
  };
}
