/** TCP to the next hop, with the mesh's socket options and a deadline. */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.js';
import { keepAliveOptions } from '../../runtime/keep-alive.js';
import { Fault } from '../../wire/faults.js';
import { faultOfConnect } from '../io/tls-faults.js';
import type { HopAddress } from '../types.js';

/** What this host has run out of, or an address it does not have: nothing that the far end could be blamed for. */
const OWN_LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

export interface DialTcpInit {
  readonly address: HopAddress;
  /** The address in messages. */
  readonly name: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** A peer that vanished without a FIN is noticed even when HTTP/2 is not up to tell. */
  readonly keepAliveMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Rejects with CONNECT_FAILED or CONNECT_TIMEOUT, with UPSTREAM_OVERFLOW when this host is at a limit of its own, or with
 * the signal's reason; nothing is left open then.
 */
export function dialTcp({ address, name, clock, timeoutMs, keepAliveMs, signal }: DialTcpInit): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connect({ ...address, noDelay: true, ...keepAliveOptions(keepAliveMs) });
    const cancelDeadline = clock.schedule(timeoutMs, () => {
      const hint = `a NetworkPolicy or firewall may block port ${address.port}`;
      fail(new Fault('CONNECT_TIMEOUT', `${name} accepted no connection within ${timeoutMs} ms; ${hint}`));
    });
    const onAbort = () => fail(signal?.reason);
    const onConnect = () => {
      settle();
      socket.off('error', onError);
      resolve(socket);
    };
    const onError = (error: Error) => fail(ownLimit(error, name) ?? faultOfConnect(error, name));

    function settle(): void {
      cancelDeadline();
      signal?.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
    }
    function fail(reason: unknown): void {
      settle();
      socket.destroy();
      reject(reason);
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError).on('connect', onConnect);
  });
}

function ownLimit(error: Error, name: string): Fault | undefined {
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'string' || !OWN_LIMITS.has(code)) return undefined;
  return new Fault('UPSTREAM_OVERFLOW', `no socket for ${name} on this host: ${error.message}`, { cause: error });
}
