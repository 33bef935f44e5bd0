import {
  CodecError,
  createCodec,
  encodeBaggage,
  encodeHeaderBlock,
  FRAME_HEADER_SIZE,
  FrameFlag,
  type FrameHandler,
  FrameType,
  writeFrameHeader,
  writeSettings,
} from '@isthmus/codec-wasm';

const KEYS = ['k8s.cluster.name', 'service.name'];
const codec = createCodec({ headerNames: [':status', 'baggage'], baggageKeys: KEYS });

// What a server sends: SETTINGS with MAX_CONCURRENT_STREAMS 200, then the answer to a CONNECT on stream 1.
const block = encodeHeaderBlock([
  [':status', '200'],
  ['baggage', encodeBaggage(KEYS, ['east', 'reviews, v1'])],
]);
const bytes = new Uint8Array(256);
let end = writeSettings(bytes, 0, [[3, 200]]);
end = writeFrameHeader(bytes, end, block.length, FrameType.HEADERS, FrameFlag.END_HEADERS, 1);
bytes.set(block, end);
end = writeFrameHeader(bytes, end + block.length, 5, FrameType.DATA, FrameFlag.END_STREAM, 1);
end += new TextEncoder().encodeInto('hello', bytes.subarray(end)).written;

const handler: FrameHandler = {
  settings: (_ack, entries) => console.log('setting', entries.id(0), entries.value(0)),
  headers: (streamId, block) => {
    const baggage = block.baggage();
    console.log('stream', streamId, block.value(0), baggage.get(0), baggage.get(1));
  },
  data: (_streamId, payload, _flowBytes, endStream) => {
    console.log('payload', new TextDecoder().decode(payload), 'end', endStream);
  },
  streamError: (streamId, errorCode, violation) => console.log('reset stream', streamId, errorCode, violation),
  rstStream: (streamId, errorCode) => console.log('stream', streamId, 'was reset', errorCode),
  ping: () => {},
  goAway: () => {},
  windowUpdate: () => {},
};

// A client reads it, cut anywhere: here within the first frame header.
const decoder = codec.openDecoder({ role: 'client', maxFrameSize: 16_384, maxHeaderListSize: 65_536 });
try {
  decoder.read(bytes.subarray(0, FRAME_HEADER_SIZE - 2), handler);
  decoder.read(bytes.subarray(FRAME_HEADER_SIZE - 2, end), handler);
} catch (error) {
  if (!(error instanceof CodecError)) throw error;
  console.log('send GOAWAY', error.http2Code, error.code, error.section);
} finally {
  decoder.close();
}
