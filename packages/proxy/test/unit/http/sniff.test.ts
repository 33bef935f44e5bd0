/** Reading first bytes without losing any. */
import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { sniff } from '../../../src/http/sniff.js';
import { duplexPair } from '../../support/http-streams.js';

describe('sniff', () => {
  it('answers as soon as the bytes say it, and hands them over', async () => {
    const [client, server] = duplexPair();
    const clock = createVirtualClock();
    const sniffed = sniff(server, clock, 500);

    client.write('GE');
    client.write('T / HTTP/1.1\r\n');

    const { protocol, first } = await sniffed;
    expect([protocol, String(first)]).toEqual(['http1', 'GET / HTTP/1.1\r\n']);
    expect(clock.pending).toBe(0);
  });

  it('takes silence until the deadline for TCP', async () => {
    const [, server] = duplexPair();
    const clock = createVirtualClock();
    const sniffed = sniff(server, clock, 500);

    clock.advance(500);

    expect(await sniffed).toEqual({ protocol: 'tcp', first: Buffer.alloc(0) });
  });

  it('takes an end for TCP and hands over what came before it', async () => {
    const [client, server] = duplexPair();
    const sniffed = sniff(server, createVirtualClock(), 500);

    client.end('POS');

    const { protocol, first } = await sniffed;
    expect([protocol, String(first)]).toEqual(['tcp', 'POS']);
  });

  it('leaves what comes afterwards in the stream', async () => {
    const [client, server] = duplexPair();
    const sniffed = sniff(server, createVirtualClock(), 500);
    client.write('GET / ');
    await sniffed;

    client.end('HTTP/1.1\r\n');
    const later: string[] = [];
    server.on('data', (chunk) => later.push(String(chunk)));
    server.resume();
    await new Promise((resolve) => server.once('end', resolve));

    expect(later.join('')).toBe('HTTP/1.1\r\n');
  });

  it('rejects when the stream is destroyed first, and leaves no timer', async () => {
    const [, server] = duplexPair();
    const clock = createVirtualClock();
    const sniffed = sniff(server, clock, 500);

    server.destroy();

    await expect(sniffed).rejects.toThrow('closed before its protocol was known');
    expect(clock.pending).toBe(0);
  });
});
