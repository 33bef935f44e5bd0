/**
 * Socket options that Node does not offer, by `koffi`, which calls the C library without anything being compiled. It is
 * an optional peer: absent, the caller gets the reason and the remedy, and decides what to do without.
 *
 * The descriptor of a Node socket is not documented (`_handle.fd`, there since Node 0.x). Where it is absent or strange,
 * the answer is "unknown", and the connection is refused.
 */
import type { Server, Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import { readSocketAddress, SOCKADDR_BYTES } from './socket-address.js';
import { acceptedOn, type FindOriginal, type OriginalDestination } from './types.js';

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** The same number in both families (linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h). */
const SO_ORIGINAL_DST = 80;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;
/** Unlike dup(2) it keeps the descriptor from programs that are started. */
const F_DUPFD_CLOEXEC = 1_030;
/** ENOENT for a connection that nothing was done to; ENOPROTOOPT in a namespace where nothing is ever done to any. */
const NOT_REDIRECTED: ReadonlySet<number> = new Set([2, 92]);

export interface SocketOptions {
  readonly originalDestination: FindOriginal;
  /** Lets the listener take connections to addresses that are not this host's. Throws with the remedy. */
  makeTransparent(server: Server): void;
  /** Another descriptor of the same socket, for the caller to close. */
  duplicate(original: Server | number): number;
}

export type SocketOptionsResult =
  | { readonly ok: true; readonly options: SocketOptions }
  | { readonly ok: false; readonly reason: string };

/** The part of koffi that is used. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: readonly unknown[]) => number };
  errno(): number;
}

/** @param name another module of the same shape, for tests of what happens without it */
export async function loadSocketOptions(name = 'koffi'): Promise<SocketOptionsResult> {
  try {
    // Not a literal: neither the compiler nor a bundler is to insist on what may be absent.
    const module: { readonly default: Koffi } = await import(name);
    return { ok: true, options: socketOptions(module.default) };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return { ok: false, reason: `the npm package ${name} cannot be loaded (${why}); install it beside isthmus-proxy` };
  }
}

function socketOptions(koffi: Koffi): SocketOptions {
  const library = koffi.load(null);
  const getsockopt = library.func(
    'int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ uint32_t *length)',
  );
  const setsockopt = library.func('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)');

  const fcntl = library.func('int fcntl(int fd, int command, ...)');

  function original(socket: Socket): OriginalDestination {
    const fd = descriptorOf(socket);
    const accepted = acceptedOn(socket);
    if (fd === undefined || !accepted) return { kind: 'unknown', reason: 'the connection has no descriptor any more' };
    const value = Buffer.alloc(SOCKADDR_BYTES);
    const level = isIPv6(accepted.host) ? SOL_IPV6 : SOL_IP;
    if (getsockopt(fd, level, SO_ORIGINAL_DST, value, [SOCKADDR_BYTES]) === 0) {
      const address = readSocketAddress(value);
      return address ? { kind: 'found', address } : { kind: 'unknown', reason: 'SO_ORIGINAL_DST is no address' };
    }
    const errno = koffi.errno();
    // Not redirected: it goes where it went, which the loop protection then judges.
    if (NOT_REDIRECTED.has(errno)) return { kind: 'found', address: accepted };
    return { kind: 'unknown', reason: `SO_ORIGINAL_DST is not answered (errno ${errno})` };
  }

  return {
    originalDestination: original,
    makeTransparent(server) {
      const bound = server.address();
      const fd = descriptorOf(server);
      if (fd === undefined || typeof bound !== 'object' || !bound) throw new Error('the listener has no descriptor');
      const [level, name] = isIPv6(bound.address) ? [SOL_IPV6, IPV6_TRANSPARENT] : [SOL_IP, IP_TRANSPARENT];
      if (setsockopt(fd, level, name, [1], 4) === 0) return;
      throw new Error(
        `the listener on port ${bound.port} cannot be made transparent (errno ${koffi.errno()}): that takes CAP_NET_ADMIN`,
      );
    },
    duplicate(original) {
      const fd = typeof original === 'number' ? original : descriptorOf(original);
      if (fd === undefined) throw new Error('the listener has no descriptor');
      const copy = fcntl(fd, F_DUPFD_CLOEXEC, 'int', 3);
      if (copy < 0) throw new Error(`descriptor ${fd} cannot be duplicated (errno ${koffi.errno()})`);
      return copy;
    },
  };
}

function descriptorOf(owner: Socket | Server): number | undefined {
  const { _handle: handle } = owner as unknown as { readonly _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
