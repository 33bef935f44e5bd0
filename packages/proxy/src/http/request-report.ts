/** What is found out about one request while it runs, and the `RequestFacts` it amounts to at its end. */
import type { Peer } from '@isthmus/sdk/peer';
import type { Clock } from '@isthmus/sdk/runtime';
import type { RequestFacts } from '../telemetry/types.js';
import type { RequestHead } from './exchange.js';
import { isGrpc } from './respond.js';

/** One accepted tunnel, as every request in it has it. */
export interface RequestOrigin {
  readonly source: Peer;
  /** `ip:port` of the client. */
  readonly sourceAddress: string;
  readonly mutualTls: boolean;
  readonly service?: NonNullable<RequestFacts['service']>;
}

/** One object for all requests that reached nobody, because telemetry finds label texts by the identity of peers. */
const NOBODY: Peer = {};

export class RequestReport {
  /** 0 until a response was sent. */
  responseCode = 0;
  grpcStatus: number | undefined;
  requestBytes = 0;
  responseBytes = 0;
  readonly #head: RequestHead;
  readonly #origin: RequestOrigin;
  readonly #clock: Clock;
  readonly #startedAt: number;
  #destination: Peer = NOBODY;
  #upstreamAddress: string | undefined;
  #fault: RequestFacts['fault'];

  constructor(head: RequestHead, origin: RequestOrigin, clock: Clock) {
    this.#head = head;
    this.#origin = origin;
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
  }

  /** Whom this attempt is meant for, then who turned out to be there and at which `ip:port`. */
  reaching(destination: Peer, address: string | undefined): void {
    this.#destination = destination;
    this.#upstreamAddress = address;
  }

  /** The first failure is the story; what follows from it is not. */
  failed(fault: NonNullable<RequestFacts['fault']>): void {
    this.#fault ??= fault;
  }

  facts(): RequestFacts {
    const { source, sourceAddress, mutualTls, service } = this.#origin;
    return {
      source,
      sourceAddress,
      mutualTls,
      ...(service && { service }),
      destination: this.#destination,
      ...(this.#upstreamAddress !== undefined && { upstreamAddress: this.#upstreamAddress }),
      protocol: isGrpc(this.#head) ? 'grpc' : 'http',
      method: this.#head.method,
      path: this.#head.target,
      authority: this.#head.authority,
      responseCode: this.responseCode,
      ...(this.grpcStatus !== undefined && { grpcStatus: this.grpcStatus }),
      ...(this.#fault && { fault: this.#fault }),
      durationMs: this.#clock.monotonic() - this.#startedAt,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
    };
  }
}
