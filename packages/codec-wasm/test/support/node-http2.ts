/** What a node:http2 server (nghttp2) makes of a client's bytes: an answer to compare ours with. */
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { ascii, concat, frame } from './bytes.js';

export interface ForeignRequest {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly endStream: boolean;
  payload: string;
}

export interface ForeignReading {
  /** Code of its GOAWAY. INTERNAL_ERROR: node gave nghttp2's error up without its code. */
  readonly refused: number | undefined;
  readonly requests: ReadonlyMap<number, ForeignRequest>;
  /** RST_STREAM by stream. */
  readonly resets: ReadonlyMap<number, number>;
}

const END = 'end mark';
/** A PING to end every conversation with: its answer says that all before it was read. */
export const END_MARK = frame(6, 0, 0, ascii(END));

/** It answers within a millisecond; this is for a failure to name its seed. */
const PATIENCE_MS = 5000;

const PING = 6;
const GOAWAY = 7;
const RST_STREAM = 3;
const INTERNAL_ERROR = 2;
const END_STREAM = 1;

export class ForeignServer {
  readonly #server: Http2Server = createServer();

  /** Reads a whole conversation that ends with `END_MARK`, or that it refuses. */
  async read(bytes: Uint8Array): Promise<ForeignReading> {
    const requests = new Map<number, ForeignRequest>();
    const socket = new Socket();
    this.#server.once('session', (session) => {
      session.on('error', () => socket.over());
      session.on('close', () => socket.over());
      noteRequests(session, requests);
    });
    this.#server.emit('connection', socket);
    socket.push(bytes);
    await socket.answered;
    const frames = framesOf(concat(...socket.written));
    socket.destroy();
    return { ...verdictOf(frames), requests };
  }
}

function noteRequests(session: ServerHttp2Session, requests: Map<number, ForeignRequest>): void {
  session.on('stream', (stream: ServerHttp2Stream, _headers: unknown, flags: number, raw: readonly string[]) => {
    const fields: [string, string][] = [];
    for (let i = 0; i < raw.length; i += 2) fields.push([raw[i] as string, raw[i + 1] as string]);
    const request = { fields, endStream: (flags & END_STREAM) !== 0, payload: '' };
    requests.set(stream.id as number, request);
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      request.payload += chunk.toString('hex');
    });
  });
}

/** The server's end of a connection in memory. */
class Socket extends Duplex {
  readonly written: Uint8Array[] = [];
  readonly answered: Promise<void>;
  #answer: () => void = () => {};

  constructor() {
    super();
    this.answered = new Promise((resolve, reject) => {
      const silent = setTimeout(() => reject(new Error('node:http2 says nothing')), PATIENCE_MS);
      this.#answer = () => {
        clearTimeout(silent);
        resolve();
      };
    });
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
    if (framesOf(concat(...this.written)).some((frame) => frame.type === GOAWAY || isEnd(frame))) this.over();
  }

  /** Later, so that what was read in the same turn has been told. */
  over(): void {
    setImmediate(this.#answer);
  }
}

interface Frame {
  readonly type: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

function isEnd({ type, payload }: Frame): boolean {
  return type === PING && String.fromCharCode(...payload) === END;
}

function framesOf(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer);
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = view.getUint32(at) >>> 8;
    const payload = bytes.subarray(at + 9, at + 9 + length);
    frames.push({ type: bytes[at + 3] as number, streamId: view.getUint32(at + 5), payload });
    at += 9 + length;
  }
  return frames;
}

function verdictOf(frames: readonly Frame[]): Pick<ForeignReading, 'refused' | 'resets'> {
  const resets = new Map<number, number>();
  let refused: number | undefined = INTERNAL_ERROR;
  for (const frame of frames) {
    const { type, streamId, payload } = frame;
    const { byteOffset, length } = payload;
    const view = new DataView(payload.buffer, byteOffset, length);
    if (type === RST_STREAM) resets.set(streamId, view.getUint32(0));
    else if (type === GOAWAY) return { refused: view.getUint32(4), resets };
    else if (isEnd(frame)) refused = undefined;
  }
  return { refused, resets };
}
