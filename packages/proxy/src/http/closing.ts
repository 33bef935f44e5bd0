/**
 * Streams that can be closed so that what was written to them still arrives. node:http calls this `destroySoon` on its
 * sockets, and leaves a stream that lacks it half open.
 */
import type { Duplex } from 'node:stream';
import { createTunnelDuplex, type TunnelStream } from '@isthmus/sdk/hbone';

export type ClosableStream = Duplex & {
  /** Ends the stream, and closes it once everything is delivered even if the peer keeps its side open. Idempotent. */
  destroySoon(): void;
};

/** The Duplex face of a tunnel, whose engine knows when its queue is delivered. */
export function closableTunnel(tunnel: TunnelStream): ClosableStream {
  const stream = createTunnelDuplex(tunnel);
  return Object.assign(stream, { destroySoon: () => void stream.end(() => tunnel.close()) });
}
