/**
 * Reads just enough of a stream to tell its protocol. Ends by an answer; or, with what is taken for granted otherwise, by
 * the deadline, by a signal, by the stream's end. What was read is handed to the caller, nothing is lost: a stream whose
 * end was seen takes no bytes back, so they cannot simply be unshifted here.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '@isthmus/sdk/runtime';

export interface Sniffing<Protocol extends string> {
  /** What the bytes so far say. */
  detect(bytes: Uint8Array): Protocol | 'more';
  readonly otherwise: Protocol;
  readonly deadlineMs: number;
  /** Ends it at once. */
  readonly hurry?: AbortSignal;
}

export interface Sniffed<Protocol extends string> {
  readonly protocol: Protocol;
  /** The bytes read so far, before whatever the stream still delivers. */
  readonly first: Buffer;
}

/** Afterwards the stream is paused. Rejects when it is destroyed first. */
export function sniff<Protocol extends string>(
  stream: Duplex,
  clock: Clock,
  { detect, otherwise, deadlineMs, hurry }: Sniffing<Protocol>,
): Promise<Sniffed<Protocol>> {
  return new Promise((resolve, reject) => {
    let first: Buffer = Buffer.alloc(0);
    const cancel = clock.schedule(deadlineMs, giveUp);
    stream.on('data', onData);
    stream.once('end', giveUp);
    stream.once('close', onClose);
    stream.once('error', onClose);
    hurry?.addEventListener('abort', giveUp, { once: true });
    if (hurry?.aborted) giveUp();

    function onData(chunk: Buffer): void {
      first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
      const answer = detect(first);
      if (answer !== 'more') settle(answer as Protocol);
    }
    function giveUp(): void {
      settle(otherwise);
    }
    function onClose(): void {
      release();
      reject(stream.errored ?? new Error('the connection closed before its protocol was known'));
    }
    function settle(protocol: Protocol): void {
      release();
      stream.pause();
      resolve({ protocol, first });
    }
    function release(): void {
      cancel();
      stream.off('data', onData);
      hurry?.removeEventListener('abort', giveUp);
      stream.off('end', giveUp);
      stream.off('close', onClose);
      stream.off('error', onClose);
    }
  });
}
