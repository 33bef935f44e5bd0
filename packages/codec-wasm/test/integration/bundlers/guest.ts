/**
 * A user of the package that knows no Node: encodes, decodes, reads CONNECT and baggage, breaks a rule. What it answers
 * has to be the same wherever it runs.
 */
import {
  CONNECTION_PREFACE,
  CodecError,
  createCodec,
  encodeBaggage,
  encodeHeaderBlock,
  FrameFlag,
  type FrameHandler,
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
  const handler: FrameHandler = {
    data: (streamId, payload) => log.push('data', streamId, new TextDecoder().decode(payload)),
    headers: (streamId, block) => {
      const { host, port, ipv4 } = block.connect();
      log.push('headers', streamId, host, port, ipv4, block.value(2), block.baggage().get(1));
    },
    settings: (ack, entries) => log.push('settings', ack, entries.id(0), entries.value(0)),
    rstStream: () => {},
    ping: () => {},
    goAway: () => {},
    windowUpdate: () => {},
    streamError: () => {},
  };
  decoder.read(bytes.subarray(0, 31), handler);
  decoder.read(bytes.subarray(31), handler);
  log.push(codec.decodeBaggage(['service.name=caf%C3%A9']).get(1));
  try {
    decoder.read(new Uint8Array(9).fill(0xff), handler);
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
