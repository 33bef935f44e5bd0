/** The package's surface. */
export { createCodec } from './codec.js';
export { type BaggageEncoder, createBaggageBytes, createBaggageEncoder, encodeBaggage } from './encode/baggage.js';
export {
  CONNECTION_PREFACE,
  FRAME_HEADER_SIZE,
  FrameFlag,
  FrameType,
  goAwaySize,
  PING_SIZE,
  RST_STREAM_SIZE,
  SettingId,
  settingsSize,
  WINDOW_UPDATE_SIZE,
  writeFrameHeader,
  writeGoAway,
  writePing,
  writePingAck,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from './encode/frames.js';
export { createHeaderEncoder, encodeHeaderBlock, type HeaderEncoder, type HeaderValue } from './encode/headers.js';
export {
  CodecError,
  type CodecErrorCode,
  ERROR_TABLE,
  ErrorCode,
  type ErrorRow,
  type ErrorScope,
} from './errors.js';
export { createPeerCache, type PeerCache } from './peer-cache.js';
export {
  type BaggageView,
  type Codec,
  type CodecInit,
  type ConnectionDecoder,
  type ConnectView,
  type DecoderInit,
  type FrameHandler,
  type HeaderBlockView,
  type SettingsView,
  TargetKind,
} from './types.js';
