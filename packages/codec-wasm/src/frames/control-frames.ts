/** Frames that are read whole: what RST_STREAM, SETTINGS, PING, GOAWAY and WINDOW_UPDATE say, by RFC 9113 section 6. */
import { FrameFlag, FrameType } from '../encode/frames.js';
import { type CodecErrorCode, ERROR_TABLE } from '../errors.js';
import type { FrameHandler } from '../types.js';
import { u31At, u32At } from './big-endian.js';
import { SETTING_SIZE, Settings } from './settings.js';

export class ControlFrames {
  readonly #bytes: Uint8Array;
  readonly #pingPayload: Uint8Array;
  readonly #settings: Settings;
  readonly #isServer: boolean;

  /** `bytes`: where payloads stand when they are there. */
  constructor(bytes: Uint8Array, isServer: boolean) {
    this.#bytes = bytes;
    this.#pingPayload = bytes.subarray(0, 8);
    this.#settings = new Settings(bytes);
    this.#isServer = isServer;
  }

  /** Tells the handler what the frame says; frames of other types say nothing. Answers the rule that it breaks. */
  tell(
    type: number,
    flags: number,
    streamId: number,
    length: number,
    handler: FrameHandler,
  ): CodecErrorCode | undefined {
    const bytes = this.#bytes;
    switch (type) {
      case FrameType.WINDOW_UPDATE:
        return tellWindowUpdate(streamId, u31At(bytes, 0), handler);
      case FrameType.SETTINGS:
        return this.#tellSettings((flags & FrameFlag.ACK) !== 0, length, handler);
      case FrameType.RST_STREAM:
        handler.rstStream(streamId, u32At(bytes, 0));
        break;
      case FrameType.GOAWAY:
        handler.goAway(u31At(bytes, 0), u32At(bytes, 4));
        break;
      case FrameType.PING:
        handler.ping((flags & FrameFlag.ACK) !== 0, this.#pingPayload);
        break;
    }
    return undefined;
  }

  #tellSettings(ack: boolean, length: number, handler: FrameHandler): CodecErrorCode | undefined {
    const settings = this.#settings;
    settings.count = length / SETTING_SIZE;
    const fault = settings.fault(this.#isServer);
    if (fault !== undefined) return fault;
    handler.settings(ack, settings);
    return undefined;
  }
}

/** RFC 9113 section 6.9: an increment of zero costs the stream, or the connection when it is the connection's. */
function tellWindowUpdate(streamId: number, increment: number, handler: FrameHandler): CodecErrorCode | undefined {
  if (increment !== 0) handler.windowUpdate(streamId, increment);
  else if (streamId !== 0) tellStreamError(streamId, 'STREAM_WINDOW_UPDATE_ZERO', handler);
  else return 'WINDOW_UPDATE_ZERO';
  return undefined;
}

export function tellStreamError(streamId: number, violation: CodecErrorCode, handler: FrameHandler): void {
  handler.streamError(streamId, ERROR_TABLE[violation].http2, violation);
}
