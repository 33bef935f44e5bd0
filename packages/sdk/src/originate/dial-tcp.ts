/** Plain TCP to an application or to the next proxy, with a deadline and with faults an operator understands. */
import { connect, type Socket } from 'node:net';
import { formatSocketAddress, type SocketAddress } from '../routing/index.js';
import { type Clock, KEEP_ALIVE_MS, keepAliveOptions } from '../runtime/index.js';
import { Fault } from '../wire/index.js';

/** ztunnel's connect timeout. */
const CONNECT_MS = 10_000;

export interface DialTcpInit {
  readonly address: SocketAddress;
  /** Dial from this address; it must be one of this host's. */
  readonly localAddress?: string | undefined;
  readonly clock: Clock;
  /** Silence before the other end is probed; 0 never probes. Default `KEEP_ALIVE_MS`. */
  readonly keepAliveMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Rejects with CONNECT_FAILED; with the signal's reason when it aborts. The socket is paused until somebody reads. */
export function dialTcp(init: DialTcpInit): Promise<Socket> {
  const { address, localAddress, clock, keepAliveMs = KEEP_ALIVE_MS, signal } = init;
  const { host, port } = address;
  const name = formatSocketAddress(host, port);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const socket = connect({
      host,
      port,
      ...(localAddress !== undefined && { localAddress }),
      noDelay: true,
      ...keepAliveOptions(keepAliveMs),
    });
    // Not by the option of that name: with it Node 20 takes 5 microseconds to make a socket, without it one.
    socket.allowHalfOpen = true;
    const cancel = clock.schedule(CONNECT_MS, () => fail(new Error(`no answer within ${CONNECT_MS / 1_000} s`)));
    const onAbort = () => settle(() => reject(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });

    function settle(finish: () => void, keep = false): void {
      cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', fail).off('connect', onConnect);
      if (!keep) socket.on('error', () => {}).destroy();
      finish();
    }
    function fail(cause: Error): void {
      settle(() => reject(new Fault('CONNECT_FAILED', `cannot connect to ${name}: ${cause.message}`, { cause })));
    }
    function onConnect(): void {
      settle(() => resolve(socket), true);
    }
    socket.on('error', fail).on('connect', onConnect);
  });
}
