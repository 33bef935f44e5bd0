import { once } from 'node:events';
import { createScope, silentLogger } from '@isthmus/sdk/runtime';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveSocks5 } from '../../../src/capture/socks5-server.js';
import type { Captured } from '../../../src/capture/types.js';
import { connectTo, read } from '../../support/tcp.js';

const WORKLOAD = { namespace: 'shop', name: 'storefront' };
const REQUEST = Buffer.from('05010003077265766965777300500000', 'hex').subarray(0, 14);

let scope = createScope();
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

async function serve() {
  const clock = createVirtualClock();
  const drain = new AbortController();
  let deliver: (captured: Captured) => void = () => {};
  const captured = new Promise<Captured>((resolve) => {
    deliver = resolve;
  });
  const onCaptured = (each: Captured) => deliver(each);
  const init = { clock, log: silentLogger, keepAliveMs: 180_000, drain: drain.signal, onCaptured };
  const port = await serveSocks5(scope, { workload: WORKLOAD, address: { host: '127.0.0.1', port: 0 } }, init);
  const client = await connectTo(scope, '127.0.0.1', port);
  return { clock, client, captured, drain, port };
}

describe('the SOCKS5 server', () => {
  it('replies only when it is told that the destination is connected, and keeps what was sent ahead', async () => {
    const { client, captured } = await serve();
    client.write(Buffer.concat([Uint8Array.of(5, 1, 0), REQUEST, Buffer.from('sent ahead')]));
    const method = await read(client, 2);

    const { socket, target, workload, accept, clientIp } = await captured;
    const early = client.readableLength;
    accept();
    const reply = await read(client, 10);

    expect([...method]).toEqual([5, 0]);
    expect(target).toEqual({ kind: 'hostname', hostname: 'reviews', port: 80 });
    expect([workload, clientIp]).toEqual([WORKLOAD, '127.0.0.1']);
    expect(early).toBe(0);
    expect(reply[1]).toBe(0);
    expect((await read(socket, 10)).toString()).toBe('sent ahead');
  });

  it('replies with the reason when it is refused, and closes', async () => {
    const { client, captured } = await serve();
    client.write(Buffer.concat([Uint8Array.of(5, 1, 0), REQUEST]));
    await read(client, 2);

    (await captured).refuse('POLICY_DENY');

    expect((await read(client, 10))[1]).toBe(2);
    client.resume();
    await once(client, 'end');
  });

  it('drops a client that does not finish its handshake in time', async () => {
    const { client, clock } = await serve();
    client.write(Uint8Array.of(5, 1, 0, 5));
    await read(client, 2);

    clock.advance(10_000);

    client.resume();
    await once(client, 'end');
    expect(clock.pending).toBe(0);
  });

  it('drops a client that speaks something else without a word', async () => {
    const { client, clock } = await serve();
    const heard: Buffer[] = [];
    client.on('data', (chunk) => heard.push(chunk));

    client.write('GET / HTTP/1.1\r\n\r\n');

    await once(client, 'end');
    expect(heard).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind when the client leaves', async () => {
    const { client, clock, drain, port } = await serve();
    client.write(Uint8Array.of(5, 1, 0));
    await read(client, 2);

    client.destroy();

    await expect.poll(() => clock.pending).toBe(0);
    drain.abort();
    await expect(connectTo(scope, '127.0.0.1', port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
