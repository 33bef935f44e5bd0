import { Fault } from '@isthmus/sdk/wire';
import { describe, expect, it } from 'vitest';
import { createChannel, type Handlers, type Port } from '../../../src/workers/channel.js';

interface Words {
  readonly tell: { readonly word: string };
  readonly ask: { readonly double: readonly [number, number] };
}

/** Two ends in this process; what is sent is cloned as IPC would. */
function pair(handlers: Handlers<Words>) {
  const listeners: ((message: unknown) => void)[] = [];
  const port = (to: number): Port => ({
    send(message, sent) {
      const copy = structuredClone(message);
      setImmediate(() => {
        listeners[to]?.(copy);
        sent(null);
      });
    },
    onMessage: (listener) => void listeners.push(listener),
    onStuck() {},
  });
  const none: Handlers<Words> = { told: { word() {} }, asked: { double: async (number) => number } };
  const near = createChannel<Words, Words>(port(1), none);
  createChannel<Words, Words>(port(0), handlers);
  return { near };
}

describe('a channel between two processes', () => {
  it('tells in order and answers questions', async () => {
    const heard: string[] = [];
    const { near } = pair({
      told: { word: (word) => heard.push(word) },
      asked: { double: async (number) => number * 2 },
    });

    near.tell('word', 'first');
    near.tell('word', 'second');
    const answer = await near.ask('double', 21, 1_000);

    expect(heard).toEqual(['first', 'second']);
    expect(answer).toBe(42);
  });

  it('hands faults over as faults', async () => {
    const { near } = pair({
      told: { word() {} },
      asked: { double: () => Promise.reject(new Fault('IDENTITY_UNAVAILABLE', 'no CA')) },
    });

    const error = await near.ask('double', 1, 1_000).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ code: 'IDENTITY_UNAVAILABLE', message: 'no CA' });
  });

  it('gives up on a question when its time is over, and on all when it closes', async () => {
    const { near } = pair({ told: { word() {} }, asked: { double: () => new Promise<number>(() => {}) } });

    const late = near.ask('double', 1, 1).catch(String);
    const cut = near.ask('double', 1, 60_000).catch(String);
    const lateAnswer = await late;
    near.close();

    expect(lateAnswer).toMatch('no answer in 1 ms');
    expect(await cut).toMatch('the other process is gone');
    await expect(near.ask('double', 1, 1)).rejects.toThrow('gone');
  });

  it('counts a process that reads nothing as stuck, and queues no more for it', () => {
    let stuck = 0;
    let sent = 0;
    const channel = createChannel<Words, Words>(
      {
        send: () => {
          sent += 1;
        },
        onMessage() {},
        onStuck: () => {
          stuck += 1;
        },
      },
      { told: { word() {} }, asked: { double: async (number) => number } },
    );

    for (let count = 0; count < 2_000; count += 1) channel.tell('word', 'x');

    expect(sent).toBe(1_024);
    expect(stuck).toBeGreaterThan(0);
  });
});
