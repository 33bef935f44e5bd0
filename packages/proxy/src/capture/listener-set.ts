/**
 * Listeners that follow the snapshot: each wanted key has a scope of its own, opened when the key appears and closed when
 * it goes. What cannot be opened (an address that is not on this host) is told once and tried again on every change; it
 * keeps nobody else from opening. Changes that come while one is applied are applied together afterwards.
 */
import type { Logger, Scope } from '@isthmus/sdk/runtime';

export interface ListenerSet<T> {
  /** Resolves when this or a newer wish is in force. */
  want(wanted: ReadonlyMap<string, T>): Promise<void>;
  /** Keys that are open now. */
  open(): readonly string[];
}

export interface ListenerSetInit<T> {
  readonly log: Logger;
  /** Opens what belongs to the key; everything is owned by the scope, which is closed if this rejects. */
  start(scope: Scope, wanted: T, key: string): Promise<void>;
}

export function createListenerSet<T>(scope: Scope, { log, start }: ListenerSetInit<T>): ListenerSet<T> {
  const opened = new Map<string, Scope>();
  /** What was told about keys that cannot be opened. */
  const told = new Map<string, string>();
  let wish: ReadonlyMap<string, T> = new Map();
  let applying: Promise<void> | undefined;
  let changed = false;

  async function open(key: string, wanted: T): Promise<void> {
    const child = scope.child();
    try {
      await start(child, wanted, key);
      opened.set(key, child);
      if (told.delete(key)) log.info({ listener: key }, 'listener open at last');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      await child.close();
      if (told.get(key) !== reason)
        log.warn({ listener: key, reason }, 'listener cannot be opened; tried again on change');
      told.set(key, reason);
    }
  }

  async function apply(): Promise<void> {
    do {
      changed = false;
      const wanted = wish;
      for (const key of told.keys()) if (!wanted.has(key)) told.delete(key);
      const gone = [...opened].filter(([key]) => !wanted.has(key));
      for (const [key] of gone) opened.delete(key);
      await Promise.all(gone.map(([, child]) => child.close()));
      const missing = [...wanted].filter(([key]) => !opened.has(key));
      await Promise.all(missing.map(([key, value]) => open(key, value)));
    } while (changed && !scope.signal.aborted);
  }

  return {
    async want(wanted) {
      wish = wanted;
      changed = true;
      applying ??= apply().finally(() => {
        applying = undefined;
      });
      await applying;
    },
    open: () => [...opened.keys()],
  };
}
