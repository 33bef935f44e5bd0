/** What callers get who are nobody yet, and what they can make us hold: a real server, and clients that send as they like. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { createVirtualClock, type VirtualClock } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peeringService } from '../../src/federation/exchange.js';
import { createStrangers } from '../../src/federation/strangers.js';

const OWN = { cluster: 'east', network: 'network-1', trustDomain: 'east.example', roots: '', address: 'east:15013' };

let server: Server;
let session: ClientHttp2Session;
let clock: VirtualClock;
let isInviting: boolean;
let asked: string[];
beforeEach(async () => {
  clock = createVirtualClock();
  isInviting = true;
  asked = [];
  const strangers = createStrangers({ own: () => OWN, isInviting: async () => isInviting, clock });
  server = new Server({ interceptors: [strangers] });
  server.addService(peeringService, {
    exchange: (call: { readonly request: string }, callback: (error: null, value: typeof OWN) => void) => {
      asked.push(call.request);
      callback(null, OWN);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  session = connect(`http://127.0.0.1:${port}`);
});
afterEach(() => {
  session.destroy();
  server.forceShutdown();
});

interface Call {
  readonly stream: ClientHttp2Stream;
  /** Its status, and what came before that. */
  readonly ended: Promise<{ readonly code: number; readonly details: string; readonly body: string }>;
}

function open(method: keyof typeof peeringService): Call {
  const stream = session.request({
    ':method': 'POST',
    ':path': peeringService[method].path,
    te: 'trailers',
    'content-type': 'application/grpc',
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<Awaited<Call['ended']>>((resolve, reject) => {
    const settle = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] === undefined) return;
      const [code, details] = [Number(headers['grpc-status']), decodeURI(String(headers['grpc-message'] ?? ''))];
      resolve({ code, details, body: Buffer.concat(chunks).subarray(5).toString() });
    };
    stream.on('response', settle);
    stream.on('trailers', settle);
    stream.on('error', reject);
  });
  return { stream, ended };
}

/** A message of gRPC, whole. */
function framed(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe('a stranger', () => {
  it('is told who answers here, although nothing of what it sends is read', async () => {
    const { ended, stream } = open('describe');

    const { code, body } = await ended;

    expect([code, JSON.parse(body)]).toEqual([status.OK, OWN]);
    stream.close();
  });

  it('may come with an invitation while there is one, and is not listened to otherwise', async () => {
    const welcome = open('exchange');
    welcome.stream.end(framed('an invitation'));
    await welcome.ended;
    isInviting = false;

    const refused = open('exchange');
    const { code, details } = await refused.ended;

    expect([code, details]).toEqual([status.PERMISSION_DENIED, expect.stringMatching(/not known here: it was used/)]);
    expect(asked).toEqual(['an invitation']);
  });

  it('is one of a few at a time, and for a few seconds: who says nothing makes room', async () => {
    const silent = Array.from({ length: 16 }, () => open('exchange'));
    // A ping is answered after what was sent before.
    await new Promise((resolve) => session.ping(resolve));

    const further = open('exchange');
    const refused = await further.ended;
    clock.advance(15_000);
    const ends = await Promise.all(silent.map(({ ended }) => ended));
    const next = open('exchange');
    next.stream.end(framed('an invitation'));
    const { code } = await next.ended;

    expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'too many at this moment; try again' });
    expect(new Set(ends.map((end) => end.code))).toEqual(new Set([status.DEADLINE_EXCEEDED]));
    expect(code).toBe(status.OK);
  });
});
