/**
 * Calls to a child process over its IPC channel, each with a deadline: a child that hangs or dies fails the run with its
 * name in the message instead of stopping it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

interface Question {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Methods of one argument or none. */
// biome-ignore lint/suspicious/noExplicitAny: the bound of a mapped contract; every use of it is typed by the contract.
type Contract<T> = { readonly [Name in keyof T]: (argument: any) => unknown };

type ValueOf<T, Name extends keyof T> = T[Name] extends (argument: never) => infer Value ? Awaited<Value> : never;
type ArgumentOf<T, Name extends keyof T> = T[Name] extends (argument: infer Argument) => unknown ? Argument : never;

const DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;

export interface ChildInit {
  readonly module: URL;
  /** In messages. */
  readonly name: string;
  readonly argv: readonly string[];
  /** The program to run it with. */
  readonly node: string;
}

export class Child<T extends Contract<T>> {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #questions = 0;
  #ended: string | undefined;

  constructor({ module, name, argv, node }: ChildInit) {
    this.name = name;
    this.#process = fork(fileURLToPath(module), argv, {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#process.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    this.#process.on('error', (error) => this.#over(`could not be started: ${error.message}`));
    this.#process.on('exit', (code, signal) => this.#over(`ended with ${signal ?? `exit code ${code}`}`));
  }

  call<Name extends keyof T & string>(name: Name, argument?: ArgumentOf<T, Name>): Promise<ValueOf<T, Name>> {
    const id = ++this.#questions;
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => reject(new Error(`${this.name}: ${reason}`));
      if (this.#ended !== undefined) return fail(this.#ended);
      const timer = setTimeout(() => settle({ id, error: `no answer to '${name}' in ${DEADLINE_MS} ms` }), DEADLINE_MS);
      const settle = (answer: Answer) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (answer.error === undefined) resolve(answer.value as ValueOf<T, Name>);
        else fail(answer.error);
      };
      this.#waiting.set(id, settle);
      this.#process.send({ id, method: name, argument } satisfies Question);
    });
  }

  /** Lets it exit; kills it when it does not. */
  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exited = once(this.#process, 'exit');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_DEADLINE_MS);
    this.#process.disconnect();
    await exited;
    clearTimeout(timer);
  }

  #over(how: string): void {
    this.#ended = how;
    for (const settle of [...this.#waiting.values()]) settle({ id: 0, error: how });
  }
}

/** Answers the parent's calls until it hangs up; then the process exits. */
export function serve<T extends Contract<T>>(calls: T): void {
  process.on('message', ({ id, method, argument }: Question) => {
    const reply = (answer: Answer) => process.connected && process.send?.(answer);
    Promise.resolve()
      .then(() => calls[method as keyof T](argument))
      .then((value) => reply({ id, value }))
      .catch((error: unknown) =>
        reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
}
