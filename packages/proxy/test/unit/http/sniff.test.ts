/** Reading first bytes without losing any. */
import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { detect, detectHttp } from '../../../src/http/detect.js';
import { sniff } from '../../../src/http/sniff.js';
import { duplexPair } from '../../support/http-streams.js';

const ANYTHING = { detect, otherwise: 'tcp', deadlineMs: 500 } as const;
const HTTP = { detect: detectHttp, otherwise: 'http1', deadlineMs: 500 } as const;

describe('sniff', () => {
  it('answers as soon as the bytes say it, and hands them over', async () => {
    const [client, server] = duplexPair();
    const clock = createVirtualClock();
    const sniffed = sniff(server, clock, ANYTHING);

    client.write('GE');
    client.write('T / HTTP/1.1\r\n');

    const { protocol, first } = await sniffed;
    expect([protocol, String(first)]).toEqual(['http1', 'GET / HTTP/1.1\r\n']);
    expect(clock.pending).toBe(0);
  });

  it('takes silence until the deadline for TCP', async () => {
    const [, server] = duplexPair();
    const clock = createVirtualClock();
    const sniffed = sniff(server, clock, ANYTHING);

    clock.advance(500);

    expect(await sniffed).toEqual({ protocol: 'tcp', first: Buffer.alloc(0) });
  });

  it('takes an end for TCP and hands over what came before it', async () => {
    const [client, server] = duplexPair();
    const sniffed = sniff(server, createVirtualClock(), ANYTHING);

    client.end('POS');

    const { protocol, first } = await sniffed;
    expect([protocol, String(first)]).toEqual(['tcp', 'POS']);
  });

  it('leaves what comes afterwards in the stream', async () => {
    const [client, server] = duplexPair();
    const sniffed = sniff(server, createVirtualClock(), ANYTHING);
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
    const sniffed = sniff(server, clock, ANYTHING);

    server.destroy();

    await expect(sniffed).rejects.toThrow('closed before its protocol was known');
    expect(clock.pending).toBe(0);
  });

  it('of HTTP tells the versions apart, and takes silence for the one that is expected', async () => {
    const [client, server] = duplexPair();
    const [, silent] = duplexPair();
    const clock = createVirtualClock();
    const spoken = sniff(server, clock, HTTP);
    const unspoken = sniff(silent, clock, HTTP);

    client.write('PRI * HTTP/2.0\r\n\r\n');
    client.write('SM\r\n\r\n');
    expect((await spoken).protocol).toBe('http2');
    clock.advance(500);

    expect((await unspoken).protocol).toBe('http1');
  });

  it('waits no longer when it is told to hurry', async () => {
    const [, server] = duplexPair();
    const hurry = new AbortController();
    const clock = createVirtualClock();
    const sniffed = sniff(server, clock, { ...HTTP, hurry: hurry.signal });

    hurry.abort();

    expect(await sniffed).toEqual({ protocol: 'http1', first: Buffer.alloc(0) });
    expect(clock.pending).toBe(0);
  });
});
