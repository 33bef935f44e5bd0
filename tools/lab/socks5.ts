/**
 * A SOCKS5 client (RFC 1928): no authentication, CONNECT by IPv4 address or by host name, so that the name is resolved where the mesh is.
 * Resolves with a socket in the state after the proxy's success reply.
 */
import { connect, isIPv4, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const REPLIES: readonly string[] = [
  'succeeded',
  'general failure',
  'not allowed by the rules',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

const TIMEOUT_MS = 10_000;

export async function connectBySocks5(proxy: HostPort, target: HostPort): Promise<Socket> {
  const socket = connect({ ...proxy, allowHalfOpen: true });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no SOCKS5 answer within ${TIMEOUT_MS} ms`)));
  try {
    const read = exactReader(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.write(Uint8Array.of(5, 1, 0));
    const [version, method] = await read(2);
    if (version !== 5 || method !== 0) throw new Error('the proxy does not speak SOCKS5 without authentication');
    socket.write(connectRequest(target));
    const [, reply = 1, , kind = 1] = await read(4);
    await read(2 + (kind === 1 ? 4 : kind === 4 ? 16 : ((await read(1))[0] ?? 0)));
    if (reply !== 0) throw new Error(`SOCKS5 reply ${reply}: ${REPLIES[reply] ?? 'unassigned'}`);
    socket.setTimeout(0);
    socket.removeAllListeners('timeout');
    return socket;
  } catch (error) {
    socket.destroy();
    throw new Error(`${target.host}:${target.port} by ${proxy.host}:${proxy.port}: ${(error as Error).message}`);
  }
}

function connectRequest({ host, port }: HostPort): Buffer {
  // As an address: a proxy that resolves no names, a ztunnel without its DNS proxy, takes one all the same.
  if (isIPv4(host)) return Buffer.from([5, 1, 0, 1, ...host.split('.').map(Number), port >> 8, port & 0xff]);
  const name = Buffer.from(host);
  if (name.length > 255) throw new Error('a host name has at most 255 bytes');
  return Buffer.concat([Uint8Array.of(5, 1, 0, 3, name.length), name, Uint8Array.of(port >> 8, port & 0xff)]);
}

/** Reads an exact number of bytes and leaves the rest in the stream; one read at a time. */
function exactReader(stream: Duplex): (bytes: number) => Promise<Buffer> {
  return (bytes) =>
    new Promise((resolve, reject) => {
      const done = () => {
        stream.off('readable', attempt);
        stream.off('error', fail);
        stream.off('end', ended);
      };
      const fail = (error: Error) => {
        done();
        reject(error);
      };
      const ended = () => fail(new Error('closed by the proxy'));
      const attempt = () => {
        const chunk = bytes === 0 ? Buffer.alloc(0) : (stream.read(bytes) as Buffer | null);
        if (chunk === null) return;
        // At the end of the stream a read gives what is left, however little.
        if (chunk.length < bytes) return ended();
        done();
        resolve(chunk);
      };
      stream.on('readable', attempt);
      stream.on('error', fail);
      stream.on('end', ended);
      attempt();
    });
}
