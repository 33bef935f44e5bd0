/** A server or client engine of ours with a peer made of raw frames, in memory. */
import { ClientConnection } from '../../src/hbone/engine/client-connection.js';
import type { Connection, ConnectionEnd } from '../../src/hbone/engine/connection.js';
import { type EngineRequest, ServerConnection } from '../../src/hbone/engine/server-connection.js';
import type { Limits } from '../../src/hbone/limits.js';
import { type HboneSettings, resolveSettings } from '../../src/hbone/settings.js';
import { codec } from './engine-pair.js';
import { type ParsedFrame, raw, splitFrames } from './raw-frames.js';

export interface RawPeerInit {
  readonly settings?: Partial<HboneSettings>;
  readonly limits?: Limits;
  /** What the raw side opens with. Default a valid handshake. */
  readonly opening?: Buffer;
}

class RawPeer<C extends Connection> {
  readonly engine: C;
  /** What the engine said before it heard anything. */
  readonly greeting: ParsedFrame[];
  end: ConnectionEnd | undefined;
  now = 0;

  constructor(build: (observer: { wake(): void; over(end: ConnectionEnd): void }) => C) {
    this.engine = build({
      wake() {},
      over: (end) => {
        this.end = end;
      },
    });
    this.greeting = this.answers();
  }

  /** Sends frames to the engine and returns what it answers. */
  send(...frames: readonly Uint8Array[]): ParsedFrame[] {
    this.engine.receive(Buffer.concat(frames), this.now);
    return this.answers();
  }

  /** What the engine has to say. */
  answers(): ParsedFrame[] {
    const bytes = Buffer.concat(this.engine.take(Number.MAX_SAFE_INTEGER));
    const preface = bytes.subarray(0, raw.preface.length).equals(raw.preface) ? raw.preface.length : 0;
    return splitFrames(bytes.subarray(preface)).frames;
  }
}

export interface RawClient extends RawPeer<ServerConnection> {
  readonly requests: EngineRequest[];
}

/** A server engine whose client is raw and has shaken hands. */
export function createRawClient(init: RawPeerInit = {}, onRequest?: (request: EngineRequest) => void): RawClient {
  const requests: EngineRequest[] = [];
  const peer = new RawPeer(
    (observer) =>
      new ServerConnection(
        {
          codec,
          settings: resolveSettings(init.settings),
          now: 0,
          peer: 'raw client',
          observer,
          ...(init.limits ? { limits: init.limits } : {}),
        },
        (request) => {
          requests.push(request);
          onRequest?.(request);
        },
      ),
  );
  peer.send(init.opening ?? Buffer.concat([raw.preface, raw.settings(), raw.settingsAck()]));
  return Object.assign(peer, { requests });
}

/** A client engine whose server is raw and has sent its SETTINGS. */
export function createRawServer(init: RawPeerInit = {}): RawPeer<ClientConnection> {
  const peer = new RawPeer(
    (observer) =>
      new ClientConnection(
        { codec, settings: resolveSettings(init.settings), now: 0, peer: 'raw server', observer },
        () => {},
      ),
  );
  peer.send(init.opening ?? raw.settings());
  return peer;
}
