/** One connection to an application (through its tunnel), as the pool sees it. */
import type { Originated } from '@isthmus/sdk/originate';
import type { Fields, RequestHead, UpstreamExchange } from './exchange.js';
import type { HttpLimits } from './limits.js';

export interface UpstreamConnection {
  /**
   * The tunnel under it. Who serves is known per tunnel, never per endpoint: a remote network answers with another
   * backend on each.
   */
  readonly originated: Originated;
  /** Requests under way. */
  readonly outstanding: number;
  /** Requests it takes on top of those; 0 once it is retired or closed. */
  readonly room: number;
  /** Sends one request; only when there is room. Throws a `Fault` when nothing of it was sent. */
  send(head: RequestHead, listener: InformationListener): UpstreamExchange;
  /** Takes no more requests, and closes after the last. */
  retire(): void;
  /** Closes now; running requests fail. */
  close(): void;
}

/** 1xx other than 101. */
export type InformationListener = (status: number, fields: Fields) => void;

export interface UpstreamConnectionEvents {
  /** There may be room where there was none. */
  onRoom(): void;
  /** Exactly once, last. */
  onClosed(): void;
}

export interface UpstreamConnectionInit {
  readonly originated: Originated;
  readonly limits: HttpLimits;
  readonly events: UpstreamConnectionEvents;
}
