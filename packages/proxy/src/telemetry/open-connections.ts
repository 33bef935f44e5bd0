/** Connections while they are open, with their bytes as they are now. Bound: the listeners bound the connections. */
import type { Clock } from '@isthmus/sdk/runtime';
import type { OpenConnectionFacts } from './types.js';

/** The connection's own record; it goes on changing. */
export type LiveConnection = Omit<OpenConnectionFacts, 'durationMs'> & {
  /** On the monotonic clock. */
  readonly startedAt: number;
};

export interface OpenConnections {
  /** Returns how to take it off the list. */
  add(connection: LiveConnection): () => void;
  /** Oldest first; copies of this moment. */
  list(): Iterable<OpenConnectionFacts>;
}

export function createOpenConnections(clock: Clock): OpenConnections {
  const open = new Set<LiveConnection>();
  return {
    add(connection) {
      open.add(connection);
      return () => void open.delete(connection);
    },
    *list() {
      const now = clock.monotonic();
      for (const { startedAt, ...connection } of open) yield { ...connection, durationMs: now - startedAt };
    },
  };
}
