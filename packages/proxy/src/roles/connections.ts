/**
 * Connections under way in a role: counted for drain, and cut when the scope they belong to closes. Bound: one entry per
 * connection, whose number the listeners bound.
 */
import type { Scope } from '@isthmus/sdk/runtime';
import { Fault, type FaultCode } from '@isthmus/sdk/wire';
import type { Outcome } from '../telemetry/types.js';

export interface OpenConnection {
  /** Aborts with an `Outcome` as its reason when the connection has to end now. */
  readonly cut: AbortSignal;
  end(outcome: Exclude<Outcome, { readonly kind: 'ok' }>): void;
  /** It is over; no longer counted. */
  done(): void;
}

export interface Connections {
  open(): OpenConnection;
  /** Those of a part, which are cut when that part's scope closes, and counted here all the same. */
  within(scope: Scope): Connections;
  /** Open now, those of parts included. */
  readonly size: number;
}

/** ztunnel's words. */
const DRAINED: Outcome = { kind: 'drained', message: 'connection closed due to connection drain' };

export function createConnections(scope: Scope, total = { open: 0 }): Connections {
  const open = new Set<AbortController>();
  let onEmpty: (() => void) | undefined;
  // Registered first, so released last: a scope is closed when its connections have ended and have had their log lines.
  scope.own(() => (open.size === 0 ? undefined : new Promise<void>((resolve) => (onEmpty = resolve))));
  // With the signal, before anything the scope owns is released: or connections would end because their tunnel did.
  scope.signal.addEventListener('abort', cutAll, { once: true });

  function cutAll(): void {
    for (const controller of open) controller.abort(DRAINED);
  }

  return {
    open() {
      const controller = new AbortController();
      open.add(controller);
      total.open += 1;
      if (scope.signal.aborted) controller.abort(DRAINED);
      return {
        cut: controller.signal,
        end: (outcome) => controller.abort(outcome),
        done() {
          if (open.delete(controller)) total.open -= 1;
          if (open.size === 0) onEmpty?.();
        },
      };
    },
    within: (part) => createConnections(part, total),
    get size() {
      return total.open;
    },
  };
}

/**
 * What to report for something thrown on the way: why the connection was cut, if it was, else the fault it is. What is
 * neither is a defect of ours; its text is all there is to go by.
 */
export function outcomeOf({ cut }: OpenConnection, error: unknown): Exclude<Outcome, { readonly kind: 'ok' }> {
  if (cut.aborted) return cut.reason as Exclude<Outcome, { readonly kind: 'ok' }>;
  if (error instanceof Fault) return { kind: 'fault', code: error.code, message: error.message };
  return { kind: 'fault', code: 'CONNECT_FAILED', message: error instanceof Error ? error.message : String(error) };
}

/** What the other end is told: why it failed, or that we are leaving. */
export function faultOf(outcome: Exclude<Outcome, { readonly kind: 'ok' }>): FaultCode {
  return outcome.kind === 'fault' ? outcome.code : 'CONNECT_FAILED';
}
