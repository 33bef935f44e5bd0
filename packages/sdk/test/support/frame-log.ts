/** The frames a socket brings, kept and awaited: what raw clients and raw servers have in common. */
import type { TLSSocket } from 'node:tls';
import { type ParsedFrame, splitFrames } from './raw-frames.js';

export interface FrameLog {
  readonly socket: TLSSocket;
  /** All frames so far. */
  readonly frames: readonly ParsedFrame[];
  send(...frames: readonly Uint8Array[]): void;
  /** The first frame, already here or to come, that fits; rejects when the connection closes without it. */
  frame(matches: (frame: ParsedFrame) => boolean): Promise<ParsedFrame>;
  readonly closed: Promise<unknown>;
}

/** `prefaceBytes` come before the first frame. */
export function logFrames(socket: TLSSocket, prefaceBytes = 0): FrameLog {
  const frames: ParsedFrame[] = [];
  const changed = new Set<() => void>();
  let rest = Buffer.alloc(0);
  let before = prefaceBytes;
  socket.on('data', (chunk: Buffer) => {
    const skipped = Math.min(before, chunk.length);
    before -= skipped;
    const split = splitFrames(Buffer.concat([rest, chunk.subarray(skipped)]));
    rest = split.rest as Buffer<ArrayBuffer>;
    frames.push(...split.frames);
    for (const notify of changed) notify();
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));

  return {
    socket,
    frames,
    closed,
    send: (...some) => void socket.write(Buffer.concat(some)),
    frame: (matches) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = frames.find(matches);
          if (!found) return;
          changed.delete(look);
          resolve(found);
        };
        changed.add(look);
        look();
        void closed.then(() => reject(new Error(`closed after ${frames.map(({ type }) => type).join(' ')}`)));
      }),
  };
}
