/** A CONNECT as `onConnect` sees it, and the checks that come before anyone is asked. */
import { Fault } from '../../wire/faults.js';
import type { EngineRequest } from '../engine/server-connection.js';
import type { HeaderField, IncomingConnect, IncomingConnection, ReceivedHeaders, TunnelStream } from '../types.js';

export class IncomingRequest implements IncomingConnect {
  readonly connection: IncomingConnection;
  readonly #request: EngineRequest;
  #abandoned: AbortController | undefined;
  #isAnswered = false;

  constructor(request: EngineRequest, connection: IncomingConnection) {
    this.#request = request;
    this.connection = connection;
  }

  get method(): string {
    return this.#request.method;
  }

  get authority(): string | undefined {
    return this.#request.authority;
  }

  get headers(): ReceivedHeaders {
    return this.#request.headers;
  }

  accept(headers: readonly HeaderField[] = []): TunnelStream {
    this.#noteAnswer();
    this.#request.accept(headers);
    return this.#request.stream;
  }

  refuse(status: number, headers: readonly HeaderField[] = []): void {
    this.#noteAnswer();
    this.#request.refuse(status, headers);
  }

  /** Made when first asked for: most requests are answered without anyone asking. */
  get signal(): AbortSignal {
    if (!this.#abandoned) {
      const controller = new AbortController();
      const abort = () => controller.abort(new Error('the peer gave up before an answer'));
      this.#abandoned = controller;
      if (this.#isAnswered || this.#request.stream.owesAnswer) this.#request.onAbandoned = abort;
      else abort();
    }
    return this.#abandoned.signal;
  }

  /** Of one that is over nothing is answered. */
  #noteAnswer(): void {
    this.#isAnswered ||= this.#request.stream.owesAnswer;
  }
}

/** Why the request cannot be meant for anyone here; undefined when it can. */
export function faultOfRequest({ method, authority, port }: EngineRequest, peer: string): Fault | undefined {
  if (method !== 'CONNECT') return new Fault('METHOD_NOT_CONNECT', `${peer} sent ${method}; expected method CONNECT`);
  if (port > 0) return undefined;
  return new Fault(
    'BAD_AUTHORITY',
    `${peer} sent no valid authority pseudo header: ${JSON.stringify(authority ?? '')}`,
  );
}
