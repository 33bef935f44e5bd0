/** A client and a server engine joined in memory: bytes move only when a test moves them, time is the test's. */

import { createMeshCodec } from '../../src/hbone/codec.js';
import { ClientConnection } from '../../src/hbone/engine/client-connection.js';
import type { ConnectionEnd } from '../../src/hbone/engine/connection.js';
import { type EngineRequest, ServerConnection } from '../../src/hbone/engine/server-connection.js';
import type { Limits } from '../../src/hbone/limits.js';
import { type HboneSettings, resolveSettings } from '../../src/hbone/settings.js';
import type { StreamEnd, TunnelStream } from '../../src/hbone/types.js';

export const codec = createMeshCodec({ slots: 64 });

export interface EnginePairInit {
  readonly clientSettings?: Partial<HboneSettings>;
  readonly serverSettings?: Partial<HboneSettings>;
  readonly limits?: Limits;
  /** Default accepts every request. */
  onRequest?(request: EngineRequest): void;
}

export interface EnginePair {
  readonly client: ClientConnection;
  readonly server: ServerConnection;
  readonly requests: EngineRequest[];
  readonly ends: { client?: ConnectionEnd; server?: ConnectionEnd };
  now: number;
  /** Moves everything both sides have to say, until neither has anything. */
  settle(): Promise<void>;
  /** Moves what one side has to say, cut into chunks of the given size. */
  move(from: 'client' | 'server', chunkBytes?: number, budget?: number): number;
  /** Lets time pass on both sides; every PING is answered unless `cut`. */
  advance(ms: number, link: 'up' | 'cut'): Promise<void>;
}

export function createEnginePair(init: EnginePairInit = {}): EnginePair {
  const requests: EngineRequest[] = [];
  const ends: EnginePair['ends'] = {};
  const common = { codec, now: 0, ...(init.limits ? { limits: init.limits } : {}) };
  const client = new ClientConnection(
    {
      ...common,
      settings: resolveSettings(init.clientSettings),
      peer: 'server',
      observer: {
        wake() {},
        over(end) {
          ends.client = end;
        },
      },
    },
    () => {},
  );
  const server = new ServerConnection(
    {
      ...common,
      settings: resolveSettings(init.serverSettings),
      peer: 'client',
      observer: {
        wake() {},
        over(end) {
          ends.server = end;
        },
      },
    },
    (request) => {
      requests.push(request);
      if (init.onRequest) init.onRequest(request);
      else request.accept([]);
    },
  );

  const pair: EnginePair = {
    client,
    server,
    requests,
    ends,
    now: 0,
    move(from, chunkBytes = Number.POSITIVE_INFINITY, budget = 1_000_000) {
      const [source, sink] = from === 'client' ? [client, server] : [server, client];
      const bytes = Buffer.concat(source.take(budget));
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        sink.receive(bytes.subarray(at, Math.min(bytes.length, at + chunkBytes)), pair.now);
      }
      return bytes.length;
    },
    async settle() {
      for (;;) {
        const moved = pair.move('client') + pair.move('server');
        await Promise.resolve();
        if (moved === 0 && !client.hasOutput && !server.hasOutput) return;
      }
    },
    async advance(ms, link) {
      const until = pair.now + ms;
      while (pair.now < until) {
        pair.now = Math.min(until, Math.max(pair.now, Math.min(client.dueAt, server.dueAt)));
        client.tick(pair.now);
        server.tick(pair.now);
        if (link === 'up') await pair.settle();
      }
    },
  };
  return pair;
}

/** A reader that keeps what it is given. */
export interface Sink {
  readonly chunks: Uint8Array[];
  readonly text: () => string;
  ended: boolean;
  end?: StreamEnd;
  drains: number;
}

export function collect(stream: TunnelStream): Sink {
  const chunks: Uint8Array[] = [];
  const sink: Sink = { chunks, text: () => Buffer.concat(chunks).toString(), ended: false, drains: 0 };
  stream.handlers = {
    onData: (chunk) => chunks.push(chunk),
    onEnd: () => {
      sink.ended = true;
    },
    onDrain: () => {
      sink.drains += 1;
    },
    onClose: (end) => {
      sink.end = end;
    },
  };
  return sink;
}
