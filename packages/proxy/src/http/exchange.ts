/**
 * One request and its answer, independent of the HTTP version on either side. The servers (`http1-server.ts`,
 * `http2-server.ts`) make a `Downstream` of what a client sent, the connections (`upstream-http1.ts`,
 * `upstream-http2.ts`) carry it to an application, and `forward.ts` joins the two without knowing which is which.
 */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { FaultCode } from '@isthmus/sdk/wire';

export type HttpVersion = 'http1' | 'http2';

/** A header or trailer line. HTTP/1.1 names keep the case they came in, HTTP/2 names are lower case. */
export type Field = readonly [name: string, value: string];
export type Fields = readonly Field[];

export interface RequestHead {
  readonly method: string;
  /** The request target as sent: `/path?query`, mostly. */
  readonly target: string;
  /** `:authority` or Host; empty when the client sent neither. */
  readonly authority: string;
  /** `:scheme`; `http` for HTTP/1.1. */
  readonly scheme: string;
  /** All lines but pseudo-header fields. HTTP/1.1 lists have Host among them. */
  readonly fields: Fields;
  /** Names whose values must stay out of HPACK tables on every hop (RFC 7541 section 6.2.3). */
  readonly sensitive: readonly string[];
  /** How the body's end is known; `none` means there is no body. */
  readonly framing: 'none' | 'length' | 'stream';
  /** The protocol to switch to, on HTTP/1.1 requests that ask for one this proxy tunnels. */
  readonly upgrade?: 'websocket';
}

export interface ResponseHead {
  readonly status: number;
  /** HTTP/1.1 reason phrase, when there is one. */
  readonly reason?: string;
  readonly fields: Fields;
  readonly sensitive: readonly string[];
  /** No body and no trailers follow. */
  readonly ended: boolean;
}

/** A request as it came from a client. Of `respond` and `switchProtocols`, one is called, once. */
export interface Downstream {
  readonly version: HttpVersion;
  readonly head: RequestHead;
  readonly body: Readable;
  /** Complete once `body` has ended. */
  trailers(): Fields;
  /** Aborts when the client gave up before its answer was complete. */
  readonly gone: AbortSignal;
  /** 1xx other than 101. */
  inform(status: number, fields: Fields): void;
  /** Sends the head; the body goes into the sink, or nowhere when this answer cannot have one. */
  respond(head: ResponseHead): Writable | 'no-body';
  /** Ends the response after its body. Resolves when the client has it or is gone. */
  finish(trailers: Fields): Promise<void>;
  switchProtocols(head: ResponseHead): Duplex;
  /** Breaks the exchange off so that the client cannot take it for complete. */
  abort(http2Code?: number): void;
}

/** Why no answer came, or why it broke off. */
export interface UpstreamFailure {
  readonly code: FaultCode;
  readonly message: string;
  /** Whether the application can have acted on the request; `no` makes any request safe to repeat. */
  readonly processed: 'no' | 'maybe';
  /** RST_STREAM code of an HTTP/2 upstream. */
  readonly http2Code?: number;
}

export type Answer =
  | { readonly kind: 'response'; readonly head: ResponseHead; readonly body: Readable; trailers(): Fields }
  | { readonly kind: 'switched'; readonly head: ResponseHead; readonly stream: Duplex }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure };

/** A request under way to an application. */
export interface UpstreamExchange {
  /** Takes the request's body. */
  readonly sink: Writable;
  /** Ends the request after its body. */
  finish(trailers: Fields): void;
  /** Never rejects. */
  readonly answer: Promise<Answer>;
  /** After `answer`: why the body broke off, when it did. */
  failure(): UpstreamFailure | undefined;
  /** The request is of no more use to anybody; ends it unless it is complete. */
  abort(): void;
}
