/** A socket that reads into memory of the codec, by the option that Node documents for it. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createCodec } from '../../src/codec.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { Event } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
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
  const seen: string[] = [];

  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: codec.resident,
      callback: (length, buffer) => {
        const chunk = buffer.subarray(0, length);
        decoder.push(chunk);
        for (let kind = decoder.next(); kind !== Event.None; kind = decoder.next()) {
          if (kind === Event.Headers) seen.push(decoder.headers.value(0));
          if (kind === Event.Data) seen.push(new TextDecoder().decode(chunk.subarray(decoder.start, decoder.end)));
        }
        return true;
      },
    },
  });
  await once(socket, 'close');
  server.close();

  expect(seen.join(' ')).toBe('200 hello');
});
