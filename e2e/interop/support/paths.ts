/** Ways through the two networks of a stage, and calls along them by SOCKS5. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connectBySocks5, type HostPort } from '@isthmus/tools/lab';
import { until } from '../../support/wait.js';
import type { Stage } from './stage.js';
import { type End, loopbackOf, OURS, REMOTE_APP, type Side, TS_APP, VIP, ZT_APP } from './world.js';

const ECHO_TIMEOUT_MS = 10_000;

/** Where the SOCKS5 entry of a ztunnel is. */
export type Entry = readonly [Side, string];

export const FROM_REAL: Entry = ['real', '127.0.0.1'];
export const FROM_TS: Entry = ['ours', loopbackOf(OURS.eastZtunnel)];
export const FROM_REMOTE: Entry = ['ours', loopbackOf(OURS.westZtunnel)];

export interface Way {
  readonly entry: Entry;
  readonly host: string;
}

export interface Path extends Way {
  readonly path: string;
  readonly ends: readonly [source: End, destination: End];
  readonly reporters: readonly [source: string, destination: string];
  /** Between the networks. */
  readonly gateway?: string;
}

// biome-ignore format: a table
export const PATHS: readonly Path[] = [
  { path: 'our ztunnel to the real one', entry: FROM_TS, host: VIP.zt, ends: [TS_APP, ZT_APP], reporters: ['east/ztunnel', 'real/ztunnel'] },
  { path: 'the real ztunnel to ours', entry: FROM_REAL, host: VIP.ts, ends: [ZT_APP, TS_APP], reporters: ['real/ztunnel', 'east/ztunnel'] },
  { path: 'our ztunnel through our gateway to the real one', entry: FROM_REMOTE, host: 'zt.demo.svc.cluster.local', ends: [REMOTE_APP, ZT_APP], reporters: ['west/ztunnel', 'real/ztunnel'], gateway: 'east/gateway' },
  { path: 'the real ztunnel through our gateway to ours', entry: FROM_REAL, host: VIP.remoteInEast, ends: [ZT_APP, REMOTE_APP], reporters: ['real/ztunnel', 'west/ztunnel'], gateway: 'west/gateway' },
];

export interface Calls {
  entryOf(entry: Entry): Promise<HostPort>;
  connect(way: Way, port?: number): Promise<Socket>;
  /** Connects, is sent back what it says, closes. */
  echoOnce(way: Way, port?: number): Promise<string>;
  untilEchoes(way: Way): Promise<boolean>;
  /** The error that ends a call, once calls end so. */
  untilRefused(way: Way): Promise<Error>;
}

export function callsOn(stage: () => Stage): Calls {
  const entryOf = ([side, ip]: Entry) => stage().door(side, ip, 15080);
  const connect: Calls['connect'] = async ({ entry, host }, port = 80) =>
    connectBySocks5(await entryOf(entry), { host, port });
  const echoOnce: Calls['echoOnce'] = async (way, port) => {
    const socket = await connect(way, port);
    try {
      return await echo(socket, 'hello');
    } finally {
      socket.destroy();
    }
  };
  return {
    entryOf,
    connect,
    echoOnce,
    untilEchoes: (way) => until(`an echo of ${way.host}`, async () => (await echoOnce(way)) === 'hello' || undefined),
    untilRefused: (way) =>
      until(`a refusal of ${way.host}`, () =>
        echoOnce(way).then(
          () => undefined,
          (error: Error) => error,
        ),
      ),
  };
}

/** There and back again; rejects when the other side ends without an answer, which is how a ztunnel refuses. */
export async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const signal = AbortSignal.timeout(ECHO_TIMEOUT_MS);
  const answer = await Promise.race([once(socket, 'data', { signal }), once(socket, 'end', { signal })]);
  if (answer.length === 0) throw new Error('closed without an answer');
  return String(answer[0]);
}
