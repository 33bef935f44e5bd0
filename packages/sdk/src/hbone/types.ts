/**
 * HBONE as its users see it: CONNECT streams over mTLS HTTP/2. The engine under it is sans-I/O (`connection.ts`); the
 * driver (`transport.ts`) owns sockets and timers.
 */
import type { Duplex } from 'node:stream';
import type { BaggageView, HeaderValue } from '@isthmus/codec-wasm';
import type { PeerMetadata } from '../peer/types.js';

/** A header field, lower-case name. Values are visible ASCII; as bytes when they are kept to be sent again. */
export type HeaderField = readonly [name: string, value: HeaderValue];

/** What came with a CONNECT or with its answer, strings made on reading. */
export interface ReceivedHeaders {
  /** First value of that name. */
  get(name: string): string | undefined;
  /** All lines of that name, in order. */
  all(name: string): readonly string[];
  /** All `baggage` lines, read against `PEER_KEYS`; a claim of the peer, never an identity. The caller's to keep. */
  baggage(): BaggageView;
  /** What `baggage` says about the peer, as `decodePeerBaggage` reads it: the same object as long as it says the same. */
  peer(): PeerMetadata | undefined;
}

/** Why a stream is over. `clean` means both directions ended or the peer reset with NO_ERROR or CANCEL. */
export type StreamEnd =
  | { readonly kind: 'clean' }
  | { readonly kind: 'reset'; readonly by: 'peer' | 'local'; readonly errorCode: number }
  | { readonly kind: 'lost'; readonly error: Error };

/**
 * The light face of a stream: for pumping bytes with no Node stream in between. Half-close is independent per direction.
 * Back-pressure is honest: a paused stream stops its window updates, so pressure reaches the sending application.
 */
export interface TunnelStream {
  readonly id: number;
  /** Set before the first turn of the event loop ends; data that arrives earlier waits. */
  handlers: TunnelStreamHandlers;
  /** False: stop until `onDrain`. The chunk must not change afterwards. */
  write(chunk: Uint8Array): boolean;
  /** Ends our direction (END_STREAM). */
  end(): void;
  /** Ends our direction after what is queued, then tells the peer that nothing more is read (RST_STREAM, clean). */
  close(): void;
  /** Ends both directions at once, dropping what is queued. Default CANCEL. */
  reset(errorCode?: number): void;
  pause(): void;
  resume(): void;
  /** Nobody but the receiver of `onData` holds its chunks, so that their memory may be used again. */
  readonly handsOver?: boolean;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

export interface TunnelStreamHandlers {
  /** The chunk is the receiver's to keep. */
  onData(chunk: Uint8Array): void;
  /** The peer ended its direction. */
  onEnd(): void;
  onDrain(): void;
  /** Exactly once, last. */
  onClose(end: StreamEnd): void;
}

/** Where a hop is dialled: an IP address, or a DNS name, and a port. */
export interface HopAddress {
  readonly host: string;
  readonly port: number;
  /** When dialling: the address of this host to dial from. */
  readonly localAddress?: string;
}

/** An established tunnel: the peer answered 200. */
export interface Tunnel {
  readonly stream: TunnelStream;
  readonly responseHeaders: ReceivedHeaders;
  /** SPIFFE URI of the verified peer that terminated this tunnel. */
  readonly peerIdentity: string;
  /** Aborts when the connection that carries it takes no more tunnels: the peer, or this side, is about to leave it. */
  readonly lastCall: AbortSignal;
  /** The Duplex face of `stream`; call at most once and use one face only. */
  duplex(): Duplex;
}

export interface ConnectRequest {
  readonly authority: string;
  readonly headers: readonly HeaderField[];
  /** Milliseconds until the answer must be there. Default 10000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A CONNECT that a server received and has not answered yet. */
export interface IncomingConnect {
  readonly method: string;
  readonly authority: string | undefined;
  readonly headers: ReceivedHeaders;
  readonly connection: IncomingConnection;
  /** Answers 200 and hands over the stream. */
  accept(headers?: readonly HeaderField[]): Tunnel['stream'];
  /** Answers `status` with END_STREAM. */
  refuse(status: number, headers?: readonly HeaderField[]): void;
  /** Aborts when the peer gives up before an answer; aborted already when it has. */
  readonly signal: AbortSignal;
}

/** The transport a CONNECT came over. */
export interface IncomingConnection {
  /** SPIFFE URI of the verified client. */
  readonly peerIdentity: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The address the client dialled: tells which local workload is meant. */
  readonly localAddress: string;
  readonly localPort: number;
}
