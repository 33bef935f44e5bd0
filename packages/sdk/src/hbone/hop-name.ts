/** A hop in messages and logs. */
import type { HopAddress } from './types.js';

/** `10.0.0.7:15008`, `[2001:db8::7]:15008`. */
export function hopName({ host, port }: HopAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
