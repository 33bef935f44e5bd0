/** Frames as bytes, for peers that behave as no engine of ours ever would. */
import {
  CONNECTION_PREFACE,
  encodeHeaderBlock,
  FrameFlag,
  FrameType,
  goAwaySize,
  PING_SIZE,
  RST_STREAM_SIZE,
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
} from '@isthmus/codec-wasm';

type Fields = readonly (readonly [string, string])[];

function made(size: number, write: (out: Uint8Array) => unknown): Buffer {
  const out = Buffer.alloc(size);
  write(out);
  return out;
}

export function rawFrame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([made(9, (out) => writeFrameHeader(out, 0, payload.length, type, flags, streamId)), payload]);
}

export const raw = {
  preface: Buffer.from(CONNECTION_PREFACE),
  settings: (...entries: (readonly [number, number])[]) =>
    made(settingsSize(entries.length), (out) => writeSettings(out, 0, entries)),
  settingsAck: () => made(9, (out) => writeSettingsAck(out, 0)),
  ping: (payload = Buffer.from('whatever')) => made(PING_SIZE, (out) => writePing(out, 0, payload)),
  pingAck: (payload: Uint8Array) => made(PING_SIZE, (out) => writePingAck(out, 0, payload)),
  windowUpdate: (streamId: number, increment: number) =>
    made(WINDOW_UPDATE_SIZE, (out) => writeWindowUpdate(out, 0, streamId, increment)),
  rstStream: (streamId: number, code: number) => made(RST_STREAM_SIZE, (out) => writeRstStream(out, 0, streamId, code)),
  goAway: (lastStreamId: number, code: number) => made(goAwaySize(0), (out) => writeGoAway(out, 0, lastStreamId, code)),
  data: (streamId: number, payload: Uint8Array | string, flags = 0) =>
    rawFrame(FrameType.DATA, flags, streamId, Buffer.from(payload)),
  paddedData: (streamId: number, payload: string, padding: number) =>
    rawFrame(
      FrameType.DATA,
      FrameFlag.PADDED,
      streamId,
      Buffer.concat([Buffer.of(padding), Buffer.from(payload), Buffer.alloc(padding)]),
    ),
  headers: (streamId: number, fields: Fields, flags = 0) =>
    rawFrame(FrameType.HEADERS, FrameFlag.END_HEADERS | flags, streamId, encodeHeaderBlock(fields)),
  connect: (streamId: number, authority = '10.0.0.1:80', extra: Fields = []) =>
    raw.headers(streamId, [[':method', 'CONNECT'], [':authority', authority], ...extra]),
  /** A CONNECT whose sender has nothing more to say. */
  connectEnded: (streamId: number, authority = '10.0.0.1:80') =>
    raw.headers(
      streamId,
      [
        [':method', 'CONNECT'],
        [':authority', authority],
      ],
      FrameFlag.END_STREAM,
    ),
};

export interface ParsedFrame {
  readonly type: keyof typeof FrameType | 'OTHER';
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Of RST_STREAM and GOAWAY. */
  readonly errorCode?: number;
  /** Of WINDOW_UPDATE. */
  readonly increment?: number;
}

const TYPE_NAMES = new Map<number, ParsedFrame['type']>(
  Object.entries(FrameType).map(([name, type]) => [type, name as ParsedFrame['type']]),
);

/** Whole frames at the start of the bytes, and what is left behind them. */
export function splitFrames(bytes: Buffer): { readonly frames: ParsedFrame[]; readonly rest: Buffer } {
  const frames: ParsedFrame[] = [];
  let at = 0;
  while (at + 9 <= bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + 9, end);
    const type = TYPE_NAMES.get(bytes[at + 3] ?? -1) ?? 'OTHER';
    frames.push({
      type,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload,
      ...(type === 'RST_STREAM' ? { errorCode: payload.readUInt32BE(0) } : {}),
      ...(type === 'GOAWAY' ? { errorCode: payload.readUInt32BE(4) } : {}),
      ...(type === 'WINDOW_UPDATE' ? { increment: payload.readUInt32BE(0) } : {}),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}
