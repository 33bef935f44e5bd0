/**
 * Readiness: the proxy is ready while nothing holds it back. Whoever is not ready yet holds a named guard; the names are
 * what an operator reads when a rollout hangs.
 */
import type { Route } from './http.js';

export interface Readiness {
  /** Not ready until the returned function is called. */
  hold(name: string): () => void;
  /** Sorted names of what is pending. */
  pending(): readonly string[];
}

export function createReadiness(): Readiness {
  const held = new Map<symbol, string>();
  return {
    hold(name) {
      const key = Symbol(name);
      held.set(key, name);
      return () => void held.delete(key);
    },
    pending: () => [...held.values()].sort(),
  };
}

export function readinessRoutes(readiness: Readiness): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/healthz/ready',
      summary: '200 when ready, 500 with what is pending',
      handle() {
        const pending = readiness.pending();
        if (pending.length === 0) return { status: 200, body: 'ready\n' };
        return { status: 500, body: `not ready, pending: ${pending.join(', ')}\n` };
      },
    },
  ];
}
