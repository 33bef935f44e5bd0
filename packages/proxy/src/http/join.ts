/**
 * Two streams as one: bytes both ways, each direction ended on its own (a half-closed connection is a working one), and a
 * side that breaks off breaks off the other, so that nobody takes a cut for an end.
 */
import type { Duplex } from 'node:stream';
import { pump } from './pump.js';

export interface JoinListener {
  /** From client to server. */
  received(bytes: number): void;
  /** From server to client. */
  sent(bytes: number): void;
}

export type JoinEnd = 'ended' | 'client-lost' | 'server-lost';

/** Resolves when both directions are over; both streams are closed then. Never rejects. */
export async function join(client: Duplex, server: Duplex, listener: JoinListener): Promise<JoinEnd> {
  let lost: JoinEnd | undefined;
  await Promise.all([
    carry(client, server, (bytes) => listener.received(bytes), 'client-lost', 'server-lost'),
    carry(server, client, (bytes) => listener.sent(bytes), 'server-lost', 'client-lost'),
  ]);
  return lost ?? 'ended';

  async function carry(
    source: Duplex,
    sink: Duplex,
    count: (bytes: number) => void,
    sourceLost: JoinEnd,
    sinkLost: JoinEnd,
  ): Promise<void> {
    const end = await pump(source, sink, (chunk) => count(chunk.length)).done;
    if (end === 'ended') {
      sink.end();
      return;
    }
    lost ??= end === 'source-lost' ? sourceLost : sinkLost;
    const error = new Error('the other side of the connection was lost');
    for (const stream of [source, sink]) if (!stream.destroyed) stream.destroy(error);
  }
}
