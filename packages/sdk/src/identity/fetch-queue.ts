/**
 * At most so many tasks at once; connections that wait come before refreshes that have hours left. Bounded by its users:
 * the certificate manager queues each identity at most once.
 */
export type FetchPriority = 'waiting' | 'refresh';

export interface FetchQueue {
  /** Runs the task when its turn comes and settles as it does. */
  run<T>(priority: FetchPriority, task: () => Promise<T>): Promise<T>;
}

export function createFetchQueue(concurrency: number): FetchQueue {
  const queued: Record<FetchPriority, (() => void)[]> = { waiting: [], refresh: [] };
  let running = 0;

  function next(): void {
    if (running >= concurrency) return;
    const start = queued.waiting.shift() ?? queued.refresh.shift();
    if (!start) return;
    running++;
    start();
  }

  return {
    async run(priority, task) {
      await new Promise<void>((start) => {
        queued[priority].push(start);
        next();
      });
      try {
        return await task();
      } finally {
        running--;
        next();
      }
    },
  };
}
