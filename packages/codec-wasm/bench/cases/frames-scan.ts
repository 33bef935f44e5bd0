/**
 * Frames in chunks of 64 KiB, used as the HBONE engine uses them: both windows charged for each DATA frame, each payload
 * handed on as a view of the chunk. The peer does the same with a scanner written in JavaScript.
 */
import { CONNECTION_PREFACE, type FrameHandler } from '@isthmus/codec-wasm';
import { type Case, type OpenCase, same } from '../case.js';
import { frameStream, MAX_FRAME_SIZE, type PayloadSize, STREAM_COUNT, streamIdOf } from '../corpus/frame-streams.js';
import { FlowBook } from '../peers/flow-book.js';
import { FrameScanner, type FrameSink } from '../peers/frame-scanner.js';
import { benchCodec, serverDecoder } from './setting.js';

const HIGHEST = streamIdOf(STREAM_COUNT - 1);

/** What is left of a frame once it is read; the last payload is kept so that its view has to be made. */
export class FrameCounter implements FrameHandler, FrameSink {
  readonly book = new FlowBook(HIGHEST);
  payload: Uint8Array | undefined;
  bytes = 0;
  frames = 0;
  increments = 0;

  data(streamId: number, payload: Uint8Array, flowBytes: number): void {
    this.payload = payload;
    this.bytes += payload.length;
    if (flowBytes === 0) return;
    this.frames++;
    this.book.receive(streamId, flowBytes);
  }

  windowUpdate(_streamId: number, increment: number): void {
    this.frames++;
    this.increments += increment;
  }

  /** Of the peer, for every other frame. */
  control(): void {
    this.frames++;
  }

  settings(): void {
    this.frames++;
  }

  ping(): void {
    this.frames++;
  }

  // None of these is in the corpus.
  headers(): void {}
  rstStream(): void {}
  goAway(): void {}
  streamError(): void {}

  /** What was read since the last call. */
  take(): { bytes: number; frames: number; increments: number } {
    const { bytes, frames, increments } = this;
    this.bytes = 0;
    this.frames = 0;
    this.increments = 0;
    return { bytes, frames, increments };
  }
}

function openScan(size: PayloadSize): OpenCase {
  const stream = frameStream(size);
  const decoder = serverDecoder(benchCodec());
  const ours = new FrameCounter();
  decoder.read(stream.opening, ours);
  ours.take();
  const theirs = new FrameCounter();
  const scanner = new FrameScanner(theirs, MAX_FRAME_SIZE);
  scanner.push(stream.opening.subarray(CONNECTION_PREFACE.length));
  theirs.take();

  const subject = () => {
    for (const chunk of stream.chunks) decoder.read(chunk, ours);
    return sumOf(ours.take());
  };
  const peer = () => {
    for (const chunk of stream.chunks) scanner.push(chunk);
    return sumOf(theirs.take());
  };
  for (const chunk of stream.chunks) {
    decoder.read(chunk, ours);
    scanner.push(chunk);
    // A chunk may end within a frame header, which only then shows what each has made of it.
  }
  const expected = { ...theirs.take() };
  same('payload bytes, frames and increments', ours.take(), expected);
  same('of the corpus', expected.frames, stream.frames);
  same('payload bytes', expected.bytes, stream.payloadBytes);
  same('WINDOW_UPDATE frames to send', ours.book.updates, theirs.book.updates);
  return { operations: stream.frames, subject, peer };
}

function sumOf({ bytes, frames, increments }: { bytes: number; frames: number; increments: number }): number {
  return bytes + frames + increments;
}

const PEER = 'careful JavaScript scan';
const row = (name: string, size: PayloadSize): Case => ({
  id: `frames.scan.${name}`,
  subject: `64 KiB chunks, payloads ${size === 'mixed' ? 'mixed' : `of ${size} bytes`}, as the engine reads them`,
  peer: PEER,
  open: () => openScan(size),
});

export const framesScanCases: readonly Case[] = [
  row('100', 100),
  row('1k', 1024),
  row('16k', 16_384),
  row('mixed', 'mixed'),
];
