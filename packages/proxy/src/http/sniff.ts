/**
 * Reads just enough of a stream to tell its protocol. Ends by an answer, by the clock's deadline (then it is TCP: the
 * server may be the one to speak first) or by the stream's end. What was read is handed to the caller, nothing is lost:
 * a stream whose end was seen takes no bytes back, so they cannot simply be unshifted here.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '@isthmus/sdk/runtime';
import { type Detected, detect } from './detect.js';

export interface Sniffed {
  readonly protocol: Detected;
  /** The bytes read so far, before whatever the stream still delivers. */
  readonly first: Buffer;
}

/** Afterwards the stream is paused. Rejects when it is destroyed first. */
export function sniff(stream: Duplex, clock: Clock, deadlineMs: number): Promise<Sniffed> {
  return new Promise((resolve, reject) => {
    let first: Buffer = Buffer.alloc(0);
    const cancel = clock.schedule(deadlineMs, () => settle('tcp'));
    stream.on('data', onData);
    stream.once('end', onEnd);
    stream.once('close', onClose);
    stream.once('error', onClose);

    function onData(chunk: Buffer): void {
      first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
      const answer = detect(first);
      if (answer !== 'more') settle(answer);
    }
    function onEnd(): void {
      settle('tcp');
    }
    function onClose(): void {
      release();
      reject(stream.errored ?? new Error('the connection closed before its protocol was known'));
    }
    function settle(protocol: Detected): void {
      release();
      stream.pause();
      resolve({ protocol, first });
    }
    function release(): void {
      cancel();
      stream.off('data', onData);
      stream.off('end', onEnd);
      stream.off('close', onClose);
      stream.off('error', onClose);
    }
  });
}
