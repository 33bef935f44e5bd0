/** A clock that moves only when told to. Tasks run in the order of their due times, and of scheduling when equal. */
import type { Clock } from '../runtime/clock.js';

export interface VirtualClock extends Clock {
  /** Moves time forward and runs what falls due on the way, tasks scheduled by tasks included. */
  advance(ms: number): void;
  /** Moves to the next due task and runs it; false when none is scheduled. */
  advanceToNext(): boolean;
  /** Scheduled and neither run nor cancelled: a test that ends with some left a timer behind. */
  readonly pending: number;
}

interface Task {
  readonly dueMs: number;
  readonly run: () => void;
}

/** `startMs` is the wall clock at the beginning, in milliseconds since the epoch; the monotonic clock starts at zero. */
export function createVirtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  let elapsedMs = 0;
  const tasks = new Set<Task>();

  function nextTask(untilMs: number): Task | undefined {
    let next: Task | undefined;
    // Insertion order of the set breaks ties, so equal due times run first come, first served.
    for (const task of tasks) {
      if (task.dueMs <= untilMs && (!next || task.dueMs < next.dueMs)) next = task;
    }
    return next;
  }

  function run(task: Task): void {
    tasks.delete(task);
    elapsedMs = Math.max(elapsedMs, task.dueMs);
    task.run();
  }

  return {
    now: () => startMs + elapsedMs,
    monotonic: () => elapsedMs,
    schedule(delayMs, task) {
      const entry: Task = { dueMs: elapsedMs + Math.max(0, delayMs), run: task };
      tasks.add(entry);
      return () => {
        tasks.delete(entry);
      };
    },
    advance(ms) {
      const untilMs = elapsedMs + ms;
      for (let task = nextTask(untilMs); task; task = nextTask(untilMs)) run(task);
      elapsedMs = untilMs;
    },
    advanceToNext() {
      const task = nextTask(Number.POSITIVE_INFINITY);
      if (task) run(task);
      return task !== undefined;
    },
    get pending() {
      return tasks.size;
    },
  };
}
