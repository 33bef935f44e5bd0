/** One call of each protocol through a SOCKS5 entry of the mesh, by service name. */
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { connectBySocks5, type HostPort } from './socks5.js';

const TIMEOUT_MS = 10_000;

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** HTTP/1.1 GET. */
export async function getBySocks5(proxy: HostPort, target: HostPort, path: string): Promise<HttpAnswer> {
  const socket = await connectBySocks5(proxy, target);
  try {
    return await new Promise((resolve, reject) => {
      const headers = { host: `${target.host}:${target.port}`, connection: 'close' };
      const call = httpRequest({ createConnection: () => socket, path, headers, timeout: TIMEOUT_MS }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          body += piece;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      call.on('error', reject);
      call.end();
    });
  } finally {
    socket.destroy();
  }
}

export interface GrpcAnswer {
  /** 0 is OK. */
  readonly status: number;
  /** Serialized messages. */
  readonly messages: readonly Buffer[];
}

/** One gRPC call with a serialized message, over HTTP/2 without TLS as gRPC does inside the mesh. */
export async function grpcBySocks5(
  proxy: HostPort,
  target: HostPort,
  method: string,
  message: Uint8Array,
): Promise<GrpcAnswer> {
  const socket = await connectBySocks5(proxy, target);
  const session = connectHttp2(`http://${target.host}:${target.port}`, { createConnection: () => socket });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: method,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
      });
      let status = Number.NaN;
      const pieces: Buffer[] = [];
      const noteStatus = (headers: { readonly [name: string]: unknown }) => {
        if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
      };
      stream.setTimeout(TIMEOUT_MS, () => stream.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      // An answer without messages carries its status in the headers.
      stream.on('response', noteStatus);
      stream.on('trailers', noteStatus);
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('error', reject);
      stream.on('end', () => resolve({ status, messages: unframe(Buffer.concat(pieces)) }));
      stream.end(frame(message));
    });
  } finally {
    session.destroy();
    socket.destroy();
  }
}

/** gRPC's length-prefixed message: a flag byte (not compressed), four bytes of length. */
function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function unframe(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

/** `shop.v1.ListRequest`: field 1, the product. Shorter than 128 bytes, so that its length is one byte. */
export function listRequest(product: string): Uint8Array {
  const name = Buffer.from(product);
  if (name.length > 127) throw new Error('a product of the lab has a short name');
  return Buffer.concat([Uint8Array.of(0x0a, name.length), name]);
}

/** Sends one line, half-closes, resolves with everything that came back. */
export async function linesBySocks5(proxy: HostPort, target: HostPort, line: string): Promise<string> {
  const socket = await connectBySocks5(proxy, target);
  try {
    socket.end(`${line}\n`);
    return await readToEnd(socket);
  } finally {
    socket.destroy();
  }
}

function readToEnd(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => stream.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    let text = '';
    stream.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    stream.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    stream.on('close', () => clearTimeout(timer));
    stream.on('end', () => resolve(text));
  });
}
