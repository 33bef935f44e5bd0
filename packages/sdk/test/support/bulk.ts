/** Sending and receiving much, and knowing that it arrived whole: pseudo-random bytes, hashed on both sides. */
import { createHash } from 'node:crypto';
import type { StreamEnd, TunnelStream } from '../../src/hbone/index.js';

/** Bytes that repeat nowhere within a tunnel, the same for the same seed. */
export function* randomChunks(seed: number, totalBytes: number, chunkBytes = 61_001): Generator<Buffer> {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let sent = 0; sent < totalBytes; sent += chunkBytes) {
    const words = new Uint32Array(Math.ceil(Math.min(chunkBytes, totalBytes - sent) / 4));
    for (let index = 0; index < words.length; index++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[index] = state >>> 0;
    }
    yield Buffer.from(words.buffer, 0, Math.min(chunkBytes, totalBytes - sent));
  }
}

export interface Exchanged {
  readonly sentHash: string;
  readonly receivedHash: string;
  readonly receivedBytes: number;
  /** The peer's end had been seen when the stream closed. */
  readonly peerEnded: boolean;
  readonly end: StreamEnd;
}

/** Sends `totalBytes` and ends, receives until the end; the two directions are independent. */
export function exchange(stream: TunnelStream, seed: number, totalBytes: number): Promise<Exchanged> {
  const sentHash = createHash('sha256');
  const receivedHash = createHash('sha256');
  const chunks = randomChunks(seed, totalBytes);
  let receivedBytes = 0;
  let peerEnded = false;
  return new Promise((resolve) => {
    const send = () => {
      for (const chunk of { [Symbol.iterator]: () => ({ next: () => chunks.next() }) }) {
        sentHash.update(chunk);
        if (!stream.write(chunk)) return;
      }
      stream.end();
    };
    stream.handlers = {
      onData(chunk) {
        receivedBytes += chunk.length;
        receivedHash.update(chunk);
      },
      onEnd() {
        peerEnded = true;
      },
      onDrain: send,
      onClose(end) {
        resolve({
          sentHash: sentHash.digest('hex'),
          receivedHash: receivedHash.digest('hex'),
          receivedBytes,
          peerEnded,
          end,
        });
      },
    };
    send();
  });
}
