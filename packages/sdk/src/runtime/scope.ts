/**
 * Owned resources. Whoever creates a thing registers its release here before its first await; closing a scope releases
 * last in, first out, each exactly once, and waits for all, those that are being released early and those that are
 * registered while closing included. A failing release does not keep the others from running.
 *
 * A release must not wait for the scope it belongs to: it would wait for itself.
 */
export interface Scope {
  /** Aborts when the scope starts to close. */
  readonly signal: AbortSignal;
  /** Registers a release and returns a function that runs it early. On a closed scope the release runs at once. */
  own(release: () => void | Promise<void>): () => Promise<void>;
  /** A scope that closes with this one, or before. */
  child(): Scope;
  /** Idempotent. Rejects with an AggregateError of what failed, after everything was tried. */
  close(reason?: unknown): Promise<void>;
}

interface Owned {
  /** Runs the release the first time; every caller gets the same promise. */
  run(): Promise<void>;
}

export function createScope(): Scope {
  const controller = new AbortController();
  const owned = new Set<Owned>();
  let state: 'open' | 'closing' | 'closed' = 'open';
  let closing: Promise<void> | undefined;

  function own(release: () => void | Promise<void>): () => Promise<void> {
    const item = createOwned(release, () => owned.delete(item));
    owned.add(item);
    // While closing, the loop below finds it; after that nobody would.
    if (state === 'closed') item.run().catch(() => {});
    return item.run;
  }

  async function closeAll(): Promise<void> {
    const failures: unknown[] = [];
    // Again and again, because a release may register another.
    while (owned.size > 0) {
      for (const item of [...owned].reverse()) {
        if (!owned.has(item)) continue;
        await item.run().catch((error: unknown) => failures.push(error));
      }
    }
    state = 'closed';
    if (failures.length > 0) throw new AggregateError(failures, 'releases failed while closing a scope');
  }

  return {
    signal: controller.signal,
    own,
    child() {
      const child = createScope();
      const forget = own(() => child.close(controller.signal.reason));
      // A child that closes on its own leaves the parent; its parent's release then finds it closed already.
      child.signal.addEventListener('abort', () => void forget().catch(() => {}), { once: true });
      return child;
    },
    close(reason) {
      if (!closing) {
        state = 'closing';
        // The promise exists before listeners run: one of them may close this scope again.
        closing = Promise.resolve().then(closeAll);
        controller.abort(reason);
      }
      return closing;
    },
  };
}

function createOwned(release: () => void | Promise<void>, onSettled: () => void): Owned {
  let running: Promise<void> | undefined;
  return {
    run() {
      running ??= Promise.resolve().then(release).finally(onSettled);
      return running;
    },
  };
}
