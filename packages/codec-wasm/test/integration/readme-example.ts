import {
  CodecError,
  createCodec,
  Event,
  encodeBaggage,
  encodeHeaderBlock,
  FRAME_HEADER_SIZE,
  FrameFlag,
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

// A client reads it, cut anywhere: here within the first frame header.
const decoder = codec.openDecoder({ role: 'client', maxFrameSize: 16_384, maxHeaderListSize: 65_536 });
try {
  for (const chunk of [bytes.subarray(0, FRAME_HEADER_SIZE - 2), bytes.subarray(FRAME_HEADER_SIZE - 2, end)]) {
    decoder.push(chunk);
    for (let event = decoder.next(); event !== Event.None; event = decoder.next()) {
      if (event === Event.Settings) {
        console.log('setting', decoder.settingId(0), decoder.settingValue(0));
      } else if (event === Event.Headers) {
        const baggage = decoder.headers.baggage();
        console.log('stream', decoder.streamId, decoder.headers.value(0), baggage.get(0), baggage.get(1));
      } else if (event === Event.Data) {
        const payload = chunk.subarray(decoder.start, decoder.end);
        console.log('payload', new TextDecoder().decode(payload), 'end', decoder.endStream);
      } else if (event === Event.StreamError) {
        console.log('reset stream', decoder.streamId, 'with', decoder.errorCode, decoder.violation);
      }
    }
  }
} catch (error) {
  if (!(error instanceof CodecError)) throw error;
  console.log('send GOAWAY', error.http2Code, error.code, error.section);
} finally {
  decoder.close();
}
