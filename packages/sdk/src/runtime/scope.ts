/**
 * Owned resources. Whoever creates a thing registers its release here before its first await; closing a scope releases
 * last in, first out, each exactly once, and waits for all. A failing release does not keep the others from running.
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

export function createScope(): Scope {
  const controller = new AbortController();
  const releases = new Set<() => void | Promise<void>>();
  let closing: Promise<void> | undefined;

  const scope: Scope = {
    signal: controller.signal,
    own(release) {
      releases.add(release);
      const early = async () => {
        if (releases.delete(release)) await release();
      };
      if (closing) void early();
      return early;
    },
    child() {
      const child = createScope();
      const release = () => child.close(controller.signal.reason);
      releases.add(release);
      child.own(() => {
        releases.delete(release);
      });
      return child;
    },
    close(reason) {
      closing ??= closeAll(reason);
      return closing;
    },
  };

  async function closeAll(reason: unknown): Promise<void> {
    controller.abort(reason);
    const failures: unknown[] = [];
    for (const release of [...releases].reverse()) {
      releases.delete(release);
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'releases failed while closing a scope');
  }

  return scope;
}
