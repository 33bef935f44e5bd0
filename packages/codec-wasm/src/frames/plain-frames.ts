/**
 * The frames of which nearly all there is consists: DATA without padding and whole WINDOW_UPDATE, each by the few
 * comparisons that show that it breaks no rule. The table takes several times as long.
 */
import { FRAME_HEADER_SIZE, FrameFlag, FrameType } from '../encode/frames.js';
import type { FrameHandler } from '../types.js';
import { i32At, u31At } from './big-endian.js';
import type { Chunk } from './chunk.js';
import type { OpenFrame } from './open-frame.js';

/** Length and type of a WINDOW_UPDATE as they stand in its header. */
const WINDOW_UPDATE = (4 << 8) | FrameType.WINDOW_UPDATE;
const WINDOW_UPDATE_SIZE = FRAME_HEADER_SIZE + 4;

/**
 * Tells the handler of each and stops before the first frame that is anything else. For use between frames, where any may
 * follow. True: it stopped before the payload of DATA that is not all in the chunk, of which `frame` knows.
 */
export function passPlainFrames(chunk: Chunk, frame: OpenFrame, maxFrameSize: number, handler: FrameHandler): boolean {
  const { bytes, end } = chunk;
  let { at } = chunk;
  // A handler that closes the reader closes the chunk.
  while (at + FRAME_HEADER_SIZE <= chunk.end) {
    const lengthAndType = i32At(bytes, at);
    const streamId = u31At(bytes, at + 5);
    const body = at + FRAME_HEADER_SIZE;
    if (lengthAndType === WINDOW_UPDATE) {
      if (at + WINDOW_UPDATE_SIZE > end || ((streamId & 1) === 0 && streamId !== 0)) return false;
      const increment = u31At(bytes, body);
      if (increment === 0) return false;
      at += WINDOW_UPDATE_SIZE;
      chunk.at = at;
      handler.windowUpdate(streamId, increment);
    } else {
      const length = lengthAndType >>> 8;
      const flags = bytes[at + 4] as number;
      if ((lengthAndType & 0xff) !== FrameType.DATA || (flags & FrameFlag.PADDED) !== 0) return false;
      if ((streamId & 1) === 0 || length > maxFrameSize) return false;
      at = body + length;
      if (at > end) {
        chunk.at = body;
        frame.openPlainData(streamId, flags, length);
        return true;
      }
      chunk.at = at;
      handler.data(streamId, chunk.view(body, at), length, (flags & FrameFlag.END_STREAM) !== 0);
    }
  }
  return false;
}
