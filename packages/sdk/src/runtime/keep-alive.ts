/**
 * TCP keepalive, as options of `net.connect` and `net.createServer`. What a dead peer costs is set here in one number: how
 * long a connection is silent before it is probed. Node's libuv has the rest fixed: a probe a second, and ten of them.
 */

/** ztunnel's. */
export const KEEP_ALIVE_MS = 180_000;
/** TCP_KEEPIDLE on Linux; what is larger would leave the system's default in force, without a word. */
export const MOST_KEEP_ALIVE_MS = 32_767_000;

export interface KeepAliveOptions {
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
}

/** 0 turns it off. Whole seconds count, as the system has it; at least one. */
export function keepAliveOptions(silenceMs: number): KeepAliveOptions {
  return { keepAlive: silenceMs > 0, keepAliveInitialDelay: Math.max(1_000, silenceMs) };
}
