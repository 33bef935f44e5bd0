/** What a client learns of a CONNECT it sent. */
import type { HeaderList } from './header-list.js';

export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: HeaderList }
  /** The peer says that it did nothing about it: safe to send again elsewhere (RFC 9113 section 8.7). */
  | { readonly kind: 'unprocessed'; readonly reason: string }
  /** The stream was reset, by them or by us. */
  | { readonly kind: 'reset'; readonly reason: string }
  /** The connection ended first. */
  | { readonly kind: 'lost'; readonly error: Error };
