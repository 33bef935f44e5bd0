/**
 * HEADERS on a stream whose message has begun. Tunnels have no use for trailers; as the end of a direction they are
 * tolerated, although RFC 9113 section 8.5 would have DATA alone.
 */
import type { HeaderBlockView } from '@isthmus/codec-wasm';
import { ErrorCode } from './error-code.js';
import type { FrameReceiver } from './frame-receiver.js';
import type { EngineStream } from './stream.js';
import { canReceive } from './stream-state.js';

/** Ends the peer's direction, or resets the stream when the peer may not send such a block there. */
export function receiveTrailers(
  receiver: FrameReceiver,
  stream: EngineStream,
  block: HeaderBlockView,
  endStream: boolean,
): void {
  const errorCode = faultOfTrailers(stream, block, endStream);
  if (errorCode === undefined) stream.receiveEnd();
  else receiver.resetStream(stream.id, errorCode);
}

function faultOfTrailers(stream: EngineStream, block: HeaderBlockView, endStream: boolean): number | undefined {
  if (!canReceive(stream.state)) return ErrorCode.STREAM_CLOSED;
  // Section 8.1: trailers end their message and have no pseudo-header fields, which could only come first.
  const isHead = block.count > 0 && block.name(0).startsWith(':');
  return endStream && !isHead ? undefined : ErrorCode.PROTOCOL_ERROR;
}
