/**
 * A request's body on its way to an application, remembered from the start for as long as the request may have to be sent
 * a second time. Memory: at most `replayBytes` per request; a longer body is simply not replayable any more.
 */
import type { Readable, Writable } from 'node:stream';
import { type Pump, type PumpEnd, pumpBody } from './body-pump.js';

export interface RequestBody {
  /** Bytes received from the client. */
  readonly receivedBytes: number;
  /** Whether `sendTo` can start over from the first byte. */
  readonly replayable: boolean;
  /** Sends everything from the first byte on. One sink at a time. */
  sendTo(sink: Writable): Promise<PumpEnd>;
  /** Takes the body away from the current sink. */
  detach(): void;
  /** No further attempt will be made: forgets what was kept. */
  commit(): void;
}

export function createRequestBody(source: Readable, replayBytes: number): RequestBody {
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let receivedBytes = 0;
  let replayable = true;
  let current: Pump | undefined;

  function commit(): void {
    replayable = false;
    kept.length = 0;
  }

  function remember(chunk: Buffer): void {
    receivedBytes += chunk.length;
    if (!replayable) return;
    keptBytes += chunk.length;
    if (keptBytes > replayBytes) commit();
    else kept.push(chunk);
  }

  return {
    get receivedBytes() {
      return receivedBytes;
    },
    get replayable() {
      return replayable;
    },
    sendTo(sink) {
      // Bounded by replayBytes, so its pressure need not be waited for.
      for (const chunk of kept) sink.write(chunk);
      current = pumpBody(source, sink, remember);
      return current.done;
    },
    detach() {
      current?.stop();
    },
    commit,
  };
}
