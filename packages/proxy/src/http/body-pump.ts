/**
 * Moves bytes from a readable to a writable with back-pressure, and says which side gave way. It ends neither side:
 * what an end means (trailers, half-close, retry) is for the caller. Holds no more than the two streams' own buffers.
 */
import type { Readable, Writable } from 'node:stream';

/** `stopped` is the answer to `stop()`; the source is left paused with everything unread still in it. */
export type PumpEnd = 'ended' | 'source-lost' | 'sink-lost' | 'stopped';

export interface Pump {
  /** Never rejects. After `ended`, every byte has been written; flushing is the sink's. */
  readonly done: Promise<PumpEnd>;
  stop(): void;
}

export function pumpBody(source: Readable, sink: Writable, onChunk: (chunk: Buffer) => void): Pump {
  const { promise, resolve } = withResolver<PumpEnd>();

  if (source.readableEnded) resolve('ended');
  else if (source.destroyed) resolve('source-lost');
  else if (sink.destroyed || sink.writableEnded) resolve('sink-lost');
  else start();
  return { done: promise, stop: () => settle('stopped') };

  function start(): void {
    source.on('end', onEnd).on('close', onSourceLost).on('error', onSourceLost);
    sink.on('drain', onDrain).on('close', onSinkLost).on('error', onSinkLost);
    source.on('data', onData);
    // Listening makes it flow, but not when somebody has paused it before.
    source.resume();
  }
  function onData(chunk: Buffer): void {
    onChunk(chunk);
    if (!sink.write(chunk)) source.pause();
  }
  function onDrain(): void {
    source.resume();
  }
  function onEnd(): void {
    settle('ended');
  }
  function onSourceLost(): void {
    settle(source.readableEnded ? 'ended' : 'source-lost');
  }
  function onSinkLost(): void {
    settle('sink-lost');
  }
  function settle(end: PumpEnd): void {
    source.off('data', onData).off('end', onEnd).off('close', onSourceLost).off('error', onSourceLost);
    sink.off('drain', onDrain).off('close', onSinkLost).off('error', onSinkLost);
    if (end !== 'ended') source.pause();
    resolve(end);
  }
}

function withResolver<Value>(): { readonly promise: Promise<Value>; resolve(value: Value): void } {
  let settle: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: settle };
}
