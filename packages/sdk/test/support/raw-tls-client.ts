/** A client with a real certificate and raw frames: for misbehaviour that no HTTP/2 library would send. */
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import type { HopAddress } from '../../src/hbone/index.js';
import type { PemIdentity } from '../../src/testing.js';
import { type FrameLog, logFrames } from './frame-log.js';
import { raw } from './raw-frames.js';

export type RawTlsClient = FrameLog;

/** Shakes hands with TLS and HTTP/2. */
export async function connectRaw(
  { host, port }: HopAddress,
  identity: PemIdentity,
  opening: readonly Uint8Array[] = [raw.preface, raw.settings(), raw.settingsAck()],
): Promise<RawTlsClient> {
  const tcp = connectTcp({ host, port, noDelay: true });
  const socket = connect({ socket: tcp, ...identity, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined });
  const log = logFrames(socket);
  await once(socket, 'secureConnect');
  socket.write(Buffer.concat(opening));
  return log;
}
