/** A socket that reads into memory of the codec, by the option that Node documents for it. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createCodec } from '../../src/codec.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { concat, frame, hex } from '../support/bytes.js';
import { hexOf, Recorder } from '../support/log.js';
import { LIMITS } from '../support/subjects.js';
import { SETTINGS } from '../vectors/vector.js';

test('header blocks and payload are read where the socket put them', async () => {
  const codec = createCodec({ headerNames: [':status'], baggageKeys: [], slots: 1, residentBytes: 65_536 });
  const decoder = codec.openDecoder({ ...LIMITS, role: 'client' });
  const block = encodeHeaderBlock([[':status', '200']]);
  const answer = concat(hex(SETTINGS), frame(1, 4, 1, block), frame(0, 1, 1, new TextEncoder().encode('hello')));
  const server = createServer((socket) => socket.end(answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const recorder = new Recorder();

  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: codec.resident,
      callback: (length, buffer) => {
        decoder.read(buffer.subarray(0, length), recorder);
        return true;
      },
    },
  });
  await once(socket, 'close');
  server.close();

  expect(recorder.log).toMatchObject([
    { event: 'settings' },
    { event: 'headers', fields: [[':status', '200', 0]] },
    { event: 'data', payload: hexOf(new TextEncoder().encode('hello')), endStream: true },
  ]);
});
