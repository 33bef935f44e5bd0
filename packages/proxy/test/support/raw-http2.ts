/** HTTP/2 frame by frame, to send what no client library would. */
import { connect } from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;

export type Lines = readonly (readonly [name: string, value: string])[];

export const GET: Lines = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literals without indexing and without Huffman (RFC 7541 section 6.2.2); names and values under 127 bytes. */
function block(lines: Lines): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'latin1')]);
  return Buffer.concat(lines.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** Empty: what a server says first. */
export const settings = frame(TYPE.settings, 0, 0, Buffer.alloc(0));

/** What a client says first. */
export const opening = Buffer.concat([PREFACE, settings]);

export function headers(stream: number, lines: Lines, end: 'ends' | 'goes on'): Buffer {
  return frame(TYPE.headers, END_HEADERS | (end === 'ends' ? END_STREAM : 0), stream, block(lines));
}

export function data(stream: number, bytes: Uint8Array, end: 'ends' | 'goes on'): Buffer {
  return frame(TYPE.data, end === 'ends' ? END_STREAM : 0, stream, bytes);
}

/** RST_STREAM, with CANCEL unless told. */
export function reset(stream: number, code = 8): Buffer {
  return frame(TYPE.reset, 0, stream, Buffer.of(0, 0, 0, code));
}

export function goaway(lastStream: number): Buffer {
  return frame(TYPE.goaway, 0, 0, Buffer.of(0, 0, 0, lastStream, 0, 0, 0, 0));
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(TYPE.windowUpdate, 0, stream, payload);
}

/** SETTINGS_MAX_CONCURRENT_STREAMS (3) or SETTINGS_INITIAL_WINDOW_SIZE (4). */
export function setting(id: 3 | 4, value: number): Buffer {
  return frame(TYPE.settings, 0, 0, Buffer.of(0, id, 0, 0, 0, value));
}

export const PING = frame(TYPE.ping, 0, 0, Buffer.from('are you?'));

/** Sends the frames in one piece; resolves when the server has read them all and lives: it answers a PING behind them. */
export async function sendFrames(port: number, frames: readonly Buffer[]): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.write(Buffer.concat([opening, ...frames, PING]));
  try {
    await new Promise<void>((resolve, reject) => {
      let received = Buffer.alloc(0);
      socket.on('error', reject).once('close', () => reject(new Error('closed before it answered the PING')));
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        if (received.includes('are you?')) resolve();
      });
    });
  } finally {
    socket.destroy();
  }
}
