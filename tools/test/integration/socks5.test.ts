import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectBySocks5 } from '../../lab/socks5.js';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A proxy that answers with these bytes, each piece after the next bytes of the client. */
async function proxyAnswering(...pieces: readonly Uint8Array[]) {
  const received: Buffer[] = [];
  const server = createServer((socket: Socket) => {
    const waiting = [...pieces];
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received.push(bytes);
      const piece = waiting.shift();
      if (piece) socket.write(piece);
      else socket.end();
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, received };
}

const GREETING = Uint8Array.of(5, 0);
const SUCCESS = Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0);

describe('the SOCKS5 client', () => {
  it('asks for a host by name and hands on what follows the success reply', async () => {
    const { address, received } = await proxyAnswering(GREETING, Buffer.concat([SUCCESS, Buffer.from('hello')]));

    const socket = await connectBySocks5(address, { host: 'reviews.shop', port: 9080 });
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.destroy();

    expect(first.toString()).toBe('hello');
    expect(received[1]).toEqual(
      Buffer.concat([Uint8Array.of(5, 1, 0, 3, 12), Buffer.from('reviews.shop'), Uint8Array.of(0x23, 0x78)]),
    );
  });

  it('asks for an IPv4 address as an address', async () => {
    const { address, received } = await proxyAnswering(GREETING, SUCCESS);

    const socket = await connectBySocks5(address, { host: '10.96.0.1', port: 9080 });
    socket.destroy();

    expect(received[1]).toEqual(Buffer.from([5, 1, 0, 1, 10, 96, 0, 1, 0x23, 0x78]));
  });

  it('names the target and the reason of a refusal', async () => {
    const { address } = await proxyAnswering(GREETING, Uint8Array.of(5, 4, 0, 1, 0, 0, 0, 0, 0, 0));

    const attempt = connectBySocks5(address, { host: 'nowhere.shop', port: 80 });

    await expect(attempt).rejects.toThrow(/nowhere\.shop:80 by .* host unreachable/);
  });

  it('fails when the proxy closes in the middle of a reply', async () => {
    const { address } = await proxyAnswering();

    const attempt = connectBySocks5(address, { host: 'reviews.shop', port: 9080 });

    await expect(attempt).rejects.toThrow('closed by the proxy');
  });
});
