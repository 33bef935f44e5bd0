/** A client with a real certificate and raw frames: for misbehaviour that no HTTP/2 library would send. */
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { HopAddress } from '../../src/hbone/index.js';
import type { PemIdentity } from '../../src/testing.js';
import { type ParsedFrame, raw, splitFrames } from './raw-frames.js';

export interface RawTlsClient {
  readonly socket: TLSSocket;
  /** All frames so far. */
  readonly frames: readonly ParsedFrame[];
  send(...frames: readonly Uint8Array[]): void;
  /** The first frame, already here or to come, that fits; rejects when the connection closes without it. */
  frame(matches: (frame: ParsedFrame) => boolean): Promise<ParsedFrame>;
  readonly closed: Promise<unknown>;
}

/** Shakes hands with TLS and HTTP/2. */
export async function connectRaw(
  { host, port }: HopAddress,
  identity: PemIdentity,
  opening: readonly Uint8Array[] = [raw.preface, raw.settings(), raw.settingsAck()],
): Promise<RawTlsClient> {
  const tcp = connectTcp({ host, port, noDelay: true });
  const socket = connect({ socket: tcp, ...identity, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined });
  const frames: ParsedFrame[] = [];
  const changed = new Set<() => void>();
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const split = splitFrames(Buffer.concat([rest, chunk]));
    rest = split.rest as Buffer<ArrayBuffer>;
    frames.push(...split.frames);
    for (const notify of changed) notify();
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'secureConnect');
  socket.write(Buffer.concat(opening));

  return {
    socket,
    frames,
    closed,
    send: (...some) => void socket.write(Buffer.concat(some)),
    frame: (matches) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = frames.find(matches);
          if (!found) return;
          changed.delete(look);
          resolve(found);
        };
        changed.add(look);
        look();
        void closed.then(() => reject(new Error(`closed after ${frames.map(({ type }) => type).join(' ')}`)));
      }),
  };
}
