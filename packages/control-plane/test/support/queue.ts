/** Values that arrive some time, to be awaited one by one. */
export interface Queue<T> {
  push(value: T): void;
  fail(error: Error): void;
  next(): Promise<T>;
  readonly waiting: number;
}

export function createQueue<T>(): Queue<T> {
  const values: T[] = [];
  const waiters: { resolve(value: T): void; reject(error: Error): void }[] = [];
  let failure: Error | undefined;
  return {
    push(value) {
      const waiter = waiters.shift();
      if (waiter) waiter.resolve(value);
      else values.push(value);
    },
    fail(error) {
      failure = error;
      for (const waiter of waiters.splice(0)) waiter.reject(error);
    },
    next() {
      const [value] = values.splice(0, 1);
      if (value !== undefined) return Promise.resolve(value);
      if (failure) return Promise.reject(failure);
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
    },
    get waiting() {
      return values.length;
    },
  };
}
