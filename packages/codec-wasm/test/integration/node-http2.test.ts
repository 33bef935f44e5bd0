/** node:http2 as a foreign peer: nghttp2 encodes with Huffman and its dynamic table, and reads what we encode. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  CONNECTION_PREFACE,
  FrameFlag,
  FrameType,
  writeFrameHeader,
  writeSettings,
  writeSettingsAck,
} from '../../src/encode/frames.js';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import type { ConnectionDecoder } from '../../src/types.js';
import { ascii, concat, frame } from '../support/bytes.js';
import { type Entry, logOf } from '../support/log.js';
import { LIMITS, reference, wasm } from '../support/subjects.js';

type HeadersEntry = Extract<Entry, { event: 'headers' }>;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Both implementations on one connection: they have to say the same of every chunk as it comes. */
function openPair(role: 'client' | 'server'): { read: (chunk: Uint8Array) => Entry[]; decoders: ConnectionDecoder[] } {
  const decoders = [wasm, reference].map((codec) => codec.openDecoder({ ...LIMITS, role }));
  for (const decoder of decoders) closers.push(() => decoder.close());
  const read = (chunk: Uint8Array): Entry[] => {
    const [said, expected] = decoders.map((decoder) => logOf(decoder, [chunk]));
    expect(said).toEqual(expected);
    return said as Entry[];
  };
  return { read, decoders };
}

function settingsFrame(entries: [number, number][]): Uint8Array {
  const out = new Uint8Array(64);
  return out.slice(0, writeSettings(out, 0, entries));
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => new Promise((done) => server.close(done)));
  return (server.address() as AddressInfo).port;
}

/** A server of ours, just enough of one: answers SETTINGS and shows what a node:http2 client sends. */
async function foreignClient(
  ours: [number, number][],
): Promise<{ session: ClientHttp2Session; until: (count: number) => Promise<HeadersEntry[]> }> {
  const { read, decoders } = openPair('server');
  const seen: HeadersEntry[] = [];
  let changed = (): void => {};
  const server = createServer((socket: Socket) => {
    closers.push(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(settingsFrame(ours));
    socket.on('data', (chunk) => {
      for (const entry of read(chunk)) {
        if (entry.event === 'headers') seen.push(entry);
        const size = ours.find(([id]) => id === 1)?.[1];
        if (entry.event === 'settings' && entry.ack && size !== undefined) {
          for (const decoder of decoders) decoder.setHeaderTableSize(size);
        }
      }
      changed();
    });
  });
  const session = connect(`http://127.0.0.1:${await listen(server)}`);
  session.on('error', () => {});
  closers.push(() => session.destroy());
  const until = async (count: number): Promise<HeadersEntry[]> => {
    while (seen.length < count) await new Promise<void>((resolve) => (changed = resolve));
    return seen;
  };
  return { session, until };
}

function request(session: ClientHttp2Session, headers: Record<string, string>): void {
  session.request({ ':method': 'CONNECT', ':authority': '10.1.2.3:8080', ...headers }).on('error', () => {});
}

const BAGGAGE = 'k8s.cluster.name=east,k8s.namespace.name=shop,k8s.deployment.name=web,service.name=web';

describe('what a node:http2 client sends', () => {
  test('is read right, first in Huffman code and then from the dynamic table', async () => {
    const { session, until } = await foreignClient([]);
    const headers = { baggage: BAGGAGE, forwarded: 'for="10.0.0.1:4711"' };

    for (let i = 0; i < 3; i++) request(session, headers);
    const blocks = await until(3);

    for (const { fields, baggage } of blocks) {
      expect(fields.map(([name, value]) => [name, value])).toEqual([
        [':method', 'CONNECT'],
        [':authority', '10.1.2.3:8080'],
        ['baggage', BAGGAGE],
        ['forwarded', 'for="10.0.0.1:4711"'],
      ]);
      expect(baggage.values).toEqual({
        'k8s.cluster.name': 'east',
        'k8s.namespace.name': 'shop',
        'k8s.deployment.name': 'web',
        'service.name': 'web',
      });
    }
  });

  test('is read right for every character that a value can hold', async () => {
    const { session, until } = await foreignClient([]);
    const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((character) =>
      /[\t\x20-\x7e\x80-\xff]/.test(character),
    );

    // Alone among digits, whose codes are short, so that Huffman code is the shorter form of each.
    const values = characters.map((character) => `000000000000${character}000000000000`);
    request(session, Object.fromEntries(values.slice(0, 110).map((value, i) => [`x-${i}`, value])));
    request(session, Object.fromEntries(values.slice(110).map((value, i) => [`x-${i}`, value])));
    const blocks = await until(2);

    expect(blocks.flatMap(({ fields }) => fields.slice(2).map(([, value]) => value))).toEqual(values);
  });

  test.each([0, 100, 256])('is read right when our header table is %d bytes', async (size) => {
    const { session, until } = await foreignClient([[1, size]]);
    await once(session, 'remoteSettings');

    for (let i = 0; i < 5; i++) request(session, { 'x-number': `${i >> 1}`, 'x-same': 'same' });
    const blocks = await until(5);

    expect(blocks.map(({ fields }) => fields.slice(2).map(([, value]) => value))).toEqual([
      ['0', 'same'],
      ['0', 'same'],
      ['1', 'same'],
      ['1', 'same'],
      ['2', 'same'],
    ]);
  });

  test('is read right when a header block needs CONTINUATION frames', async () => {
    const { session, until } = await foreignClient([]);

    request(session, Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`x-${i}`, '\xff'.repeat(3000)])));
    const [block] = await until(1);

    expect(block?.fields.slice(2).map(([, value]) => value.length)).toEqual(Array(10).fill(3000));
  });
});

describe('a node:http2 server', () => {
  test('reads our header blocks, and its answers are read right', async () => {
    const server = createHttp2Server();
    const received: Record<string, unknown>[] = [];
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      received.push({ ...headers });
      stream.respond({ ':status': 200, baggage: BAGGAGE, 'x-count': `${received.length}` });
      stream.end('done');
    });
    const port = await listen(server as unknown as Server);
    const { read } = openPair('client');
    const block = encodeHeaderBlock([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/sample'],
      [':authority', `127.0.0.1:${port}`],
      ['baggage', BAGGAGE],
      ['x-long', 'v'.repeat(300)],
    ]);
    const ack = new Uint8Array(9);
    writeSettingsAck(ack, 0);
    const head = new Uint8Array(9);
    writeFrameHeader(head, 0, block.length, FrameType.HEADERS, FrameFlag.END_HEADERS | FrameFlag.END_STREAM, 1);

    const socket = tcpConnect(port, '127.0.0.1');
    closers.push(() => socket.destroy());
    socket.write(concat(ascii(CONNECTION_PREFACE), settingsFrame([[2, 0]]), ack, head, block, frame(1, 5, 3, block)));
    const log: Entry[] = [];
    for await (const chunk of socket) {
      log.push(...read(chunk as Uint8Array));
      if (log.filter((entry) => entry.event === 'data' && entry.endStream).length === 2) break;
    }

    expect(received).toHaveLength(2);
    expect(received[1]).toMatchObject({ ':path': '/sample', baggage: BAGGAGE, 'x-long': 'v'.repeat(300) });
    const answers = log.filter((entry): entry is HeadersEntry => entry.event === 'headers');
    expect(answers.map(({ fields }) => fields.find(([name]) => name === 'x-count')?.[1])).toEqual(['1', '2']);
    expect(answers.map(({ baggage }) => baggage.values['service.name'])).toEqual(['web', 'web']);
    expect(log.find((entry) => entry.event === 'data')).toMatchObject({ payload: '646f6e65' });
  });
});
