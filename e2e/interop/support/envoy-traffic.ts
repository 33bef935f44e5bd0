/** Small traffic over an echo, each with a deadline. Bulk is `exchange` of e2e/support. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 20_000;

/** Rejects when it ends, fails or stays silent before `bytes` bytes are there; what came with them counts. */
export function receive(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let left = bytes;
    const timer = setTimeout(() => settle(new Error(`${left} bytes missing after ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    const settle = (error?: Error) => {
      clearTimeout(timer);
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', settle);
      if (error) reject(error);
      else resolve(Buffer.concat(pieces));
    };
    const onEnd = () => settle(new Error(`ended with ${left} bytes missing`));
    const onData = (piece: Buffer) => {
      pieces.push(piece);
      left -= piece.length;
      if (left <= 0) settle();
    };
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', settle);
  });
}

/** There and back; the socket stays open. */
export async function echo(socket: Socket, text: string): Promise<string> {
  const answer = receive(socket, Buffer.byteLength(text));
  socket.write(text);
  return String(await answer);
}

/** There and back, and the end after it; the socket is closed then. */
export async function echoOnce(socket: Socket): Promise<void> {
  try {
    const answer = await echo(socket, 'hello');
    if (answer !== 'hello') throw new Error(`another answer: ${answer}`);
    const ended = once(socket, 'end', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    socket.end();
    await ended;
  } finally {
    socket.destroy();
  }
}

export interface Messages {
  readonly sent: string;
  readonly received: string;
}

/** `count` messages of 1 to 64 bytes, each written by itself and none waiting for an answer; hashes of both directions. */
export async function smallMessages(socket: Socket, count: number): Promise<Messages> {
  const sizes = Array.from({ length: count }, (_, index) => 1 + ((index * 31) % 64));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const sent = createHash('sha256');
  socket.setNoDelay(true);
  const answer = receive(socket, total);
  for (const [index, size] of sizes.entries()) {
    const message = Buffer.alloc(size, index % 251);
    sent.update(message);
    if (!socket.write(message)) await once(socket, 'drain');
    // Let each leave before the next is there, or they would be one write.
    if (index % 4 === 0) await new Promise(setImmediate);
  }
  const received = createHash('sha256').update(await answer);
  return { sent: sent.digest('hex'), received: received.digest('hex') };
}

/** GET; the socket is closed then. Resolves with the body of a 200. */
export async function getHttp1(socket: Socket, host: string, path: string): Promise<string> {
  try {
    const sent = request({ createConnection: () => socket, host, path, signal: AbortSignal.timeout(TIMEOUT_MS) });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const body = await text(response);
    if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${body}`);
    return body;
  } finally {
    socket.destroy();
  }
}

/** The same in HTTP/2 with prior knowledge. */
export async function getHttp2(socket: Socket, host: string, path: string): Promise<string> {
  const session = connectHttp2(`http://${host}`, { createConnection: () => socket });
  try {
    const failed = once(session, 'error').then(([error]) => Promise.reject(error));
    const stream = session.request({ ':path': path }, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const [headers] = await Promise.race([once(stream, 'response'), failed]);
    const body = await text(stream);
    if (headers[':status'] !== 200) throw new Error(`${headers[':status']} ${body}`);
    return body;
  } finally {
    session.destroy();
    socket.destroy();
  }
}
