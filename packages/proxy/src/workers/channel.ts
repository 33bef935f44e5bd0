/**
 * Two processes that tell and ask each other things over the channel they inherited. Typed by a vocabulary per side;
 * order is kept. Bounds: `MAX_UNSENT` messages that the other process has not taken up, after which it counts as stuck;
 * each question has its own time limit. Both processes run this program, so contents are not checked again.
 */
import { FAULTS, Fault, type FaultCode } from '@isthmus/sdk/wire';

/** What one side may say: tellings by their payload, questions by what is asked and what is answered. */
export interface Vocabulary {
  readonly tell: object;
  readonly ask: Readonly<Record<string, readonly [question: unknown, answer: unknown]>>;
}

export type Handlers<In extends Vocabulary> = {
  readonly told: { readonly [K in keyof In['tell']]: (payload: In['tell'][K]) => void };
  readonly asked: { readonly [K in keyof In['ask']]: (question: In['ask'][K][0]) => Promise<In['ask'][K][1]> };
};

export interface Channel<Out extends Vocabulary> {
  tell<K extends keyof Out['tell'] & string>(kind: K, payload: Out['tell'][K]): void;
  /** Rejects with the other side's error, when it takes longer than `timeoutMs`, and when the channel closes. */
  ask<K extends keyof Out['ask'] & string>(
    kind: K,
    question: Out['ask'][K][0],
    timeoutMs: number,
  ): Promise<Out['ask'][K][1]>;
  /** The other process is gone: questions under way fail. */
  close(): void;
}

/** One end of an IPC channel, of this process or of a child. */
export interface Port {
  send(message: object, sent: (error: Error | null) => void): void;
  onMessage(listener: (message: unknown) => void): void;
  /** More than `MAX_UNSENT` messages wait: the other process does not read. */
  onStuck(): void;
}

/** A state of a hundred thousand resources is a tenth of it. */
const MAX_UNSENT = 1_024;

type Message =
  | { readonly form: 'tell'; readonly kind: string; readonly payload: unknown }
  | { readonly form: 'ask'; readonly kind: string; readonly payload: unknown; readonly id: number }
  | { readonly form: 'answer'; readonly payload: unknown; readonly id: number }
  | { readonly form: 'error'; readonly message: string; readonly code: FaultCode | undefined; readonly id: number };

interface Pending {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export function createChannel<Out extends Vocabulary, In extends Vocabulary>(
  port: Port,
  { told, asked }: Handlers<In>,
): Channel<Out> {
  const pending = new Map<number, Pending>();
  let unsent = 0;
  let nextId = 0;
  let closed = false;

  function send(message: Message): void {
    if (closed) return;
    unsent += 1;
    if (unsent > MAX_UNSENT) port.onStuck();
    else
      port.send(message, () => {
        unsent -= 1;
      });
  }

  function answer(kind: string, id: number, question: unknown): void {
    const handle = (asked as Readonly<Record<string, (question: unknown) => Promise<unknown>>>)[kind];
    const answering = handle ? handle(question) : Promise.reject(new Error(`nobody answers ${kind}`));
    answering.then(
      (payload) => send({ form: 'answer', id, payload }),
      (error: unknown) => send({ form: 'error', id, ...describe(error) }),
    );
  }

  port.onMessage((received) => {
    const message = received as Message;
    switch (message.form) {
      case 'tell':
        (told as Readonly<Record<string, (payload: unknown) => void>>)[message.kind]?.(message.payload);
        return;
      case 'ask':
        answer(message.kind, message.id, message.payload);
        return;
      case 'answer':
        pending.get(message.id)?.resolve(message.payload);
        return;
      case 'error':
        pending
          .get(message.id)
          ?.reject(message.code ? new Fault(message.code, message.message) : new Error(message.message));
        return;
    }
  });

  return {
    tell: (kind, payload) => send({ form: 'tell', kind, payload }),
    ask: (kind, question, timeoutMs) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error(`${kind}: the other process is gone`));
        nextId += 1;
        const id = nextId;
        const timer = setTimeout(() => settle.reject(new Error(`${kind}: no answer in ${timeoutMs} ms`)), timeoutMs);
        timer.unref();
        const done = () => {
          clearTimeout(timer);
          pending.delete(id);
        };
        const settle: Pending = {
          resolve(payload) {
            done();
            resolve(payload as never);
          },
          reject(error) {
            done();
            reject(error);
          },
        };
        pending.set(id, settle);
        send({ form: 'ask', kind, id, payload: question });
      }),
    close() {
      closed = true;
      for (const { reject } of [...pending.values()]) reject(new Error('the other process is gone'));
    },
  };
}

function describe(error: unknown): { readonly message: string; readonly code: FaultCode | undefined } {
  const message = error instanceof Error ? error.message : String(error);
  return { message, code: error instanceof Fault && error.code in FAULTS ? error.code : undefined };
}
