/**
 * Waits until a subject has reacted to everything it was sent, without a timer: a PING goes behind it, and the answer
 * comes after all reactions. Twice, because DATA of streams may follow the control frames of one turn.
 */
import type { ParsedFrame } from '../raw-frames.js';
import { raw } from '../raw-frames.js';
import { describeFrame } from './reactions.js';

/** One end of raw frames whose other end is the subject. */
export interface RawEnd {
  readonly frames: readonly ParsedFrame[];
  send(...frames: readonly Uint8Array[]): void;
  frame(matches: (frame: ParsedFrame) => boolean): Promise<ParsedFrame>;
  readonly closed: Promise<unknown>;
}

let sentinels = 0;

/** Frames that came since `from`, without the answers to our own PINGs; ends with `closed` when the subject hung up. */
export async function reactionsSince(end: RawEnd, from: number): Promise<readonly string[]> {
  const payloads = [nextPayload(), nextPayload()];
  let gone = false;
  for (const payload of payloads) {
    if (gone) break;
    end.send(raw.ping(payload));
    await end
      .frame((frame) => isAnswer(frame, payload))
      .catch(() => {
        gone = true;
      });
  }
  const frames = end.frames.slice(from).filter((frame) => !payloads.some((payload) => isAnswer(frame, payload)));
  return [...frames.map(describeFrame), ...(gone ? ['closed'] : [])];
}

function isAnswer({ type, flags, payload }: ParsedFrame, expected: Buffer): boolean {
  return type === 'PING' && (flags & 1) !== 0 && payload.equals(expected);
}

function nextPayload(): Buffer<ArrayBuffer> {
  sentinels += 1;
  return Buffer.from(`#${String(sentinels).padStart(7, '0')}`);
}
