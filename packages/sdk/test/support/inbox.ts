/** A queue between an event and a test that waits for it: what comes early waits, whoever comes early waits. */
export interface Inbox<T> {
  put(item: T): void;
  next(): Promise<T>;
  readonly waiting: number;
}

export function createInbox<T>(): Inbox<T> {
  const items: T[] = [];
  const takers: ((item: T) => void)[] = [];
  return {
    put(item) {
      const taker = takers.shift();
      if (taker) taker(item);
      else items.push(item);
    },
    next() {
      const item = items.shift();
      return item === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(item);
    },
    get waiting() {
      return items.length;
    },
  };
}
