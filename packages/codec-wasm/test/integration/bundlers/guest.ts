/**
 * A user of the package that knows no Node: encodes, decodes, reads CONNECT and baggage, breaks a rule. What it answers
 * has to be the same wherever it runs.
 */
import {
  CONNECTION_PREFACE,
  CodecError,
  createCodec,
  Event,
  encodeBaggage,
  encodeHeaderBlock,
  FrameFlag,
  FrameType,
  writeFrameHeader,
  writeSettings,
} from '@isthmus/codec-wasm';

const KEYS = ['k8s.cluster.name', 'service.name'];

export function report(): string {
  const codec = createCodec({ headerNames: [':method', ':authority', 'baggage'], baggageKeys: KEYS, slots: 4 });
  const decoder = codec.openDecoder({ role: 'server', maxFrameSize: 16_384, maxHeaderListSize: 65_536 });
  const bytes = conversation();
  const log: unknown[] = [];
  for (const [start, end] of [
    [0, 31],
    [31, bytes.length],
  ] as const) {
    const chunk = bytes.subarray(start, end);
    decoder.push(chunk);
    for (let kind = decoder.next(); kind !== Event.None; kind = decoder.next()) {
      log.push(kind, decoder.streamId);
      if (kind === Event.Headers) {
        const { host, port, ipv4 } = decoder.headers.connect();
        log.push(host, port, ipv4, decoder.headers.value(2), decoder.headers.baggage().get(1));
      }
      if (kind === Event.Data) log.push(new TextDecoder().decode(chunk.subarray(decoder.start, decoder.end)));
    }
  }
  log.push(codec.decodeBaggage(['service.name=caf%C3%A9']).get(1));
  try {
    decoder.push(new Uint8Array(9).fill(0xff));
    decoder.next();
  } catch (error) {
    log.push(error instanceof CodecError && [error.code, error.http2Code, error.section]);
  }
  decoder.close();
  return JSON.stringify(log);
}

function conversation(): Uint8Array {
  const bytes = new Uint8Array(512);
  const block = encodeHeaderBlock([
    [':method', 'CONNECT'],
    [':authority', '10.1.2.3:8080'],
    ['baggage', encodeBaggage(KEYS, ['east', 'reviews, v1'])],
  ]);
  let at = new TextEncoder().encodeInto(CONNECTION_PREFACE, bytes).written;
  at = writeSettings(bytes, at, [[3, 200]]);
  at = writeFrameHeader(bytes, at, block.length, FrameType.HEADERS, FrameFlag.END_HEADERS, 1);
  bytes.set(block, at);
  at = writeFrameHeader(bytes, at + block.length, 5, FrameType.DATA, FrameFlag.END_STREAM, 1);
  return bytes.subarray(0, at + new TextEncoder().encodeInto('hello', bytes.subarray(at)).written);
}
