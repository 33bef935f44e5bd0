/**
 * THE table of bounds of the L7 data path. Whatever a client, an application or a slow network can make grow has its row
 * here; code takes numbers from nowhere else. `docs/limits.md` is printed from it.
 */

interface LimitRow {
  readonly value: number;
  /** What happens at the bound, and where the number comes from. */
  readonly doc: string;
}

export const LIMIT_TABLE = {
  tunnels: {
    value: 10_000,
    doc: 'CONNECT streams served at once; one more is answered 503 (DOWNSTREAM_OVERFLOW).',
  },
  detectMs: {
    value: 500,
    doc: 'Wait for the first bytes on a port of unknown protocol; then it is TCP, so server-first protocols pay this once per connection.',
  },
  headBytes: {
    value: 61_440,
    doc: 'Bytes of a request or response head (Envoy: 60 KiB); HTTP/1.1 answers 431, HTTP/2 resets the stream. Also of all 1xx answers to one request together; those beyond are dropped.',
  },
  headFields: {
    value: 128,
    doc: 'Header lines in one head; HTTP/1.1 answers 431, HTTP/2 resets the stream with ENHANCE_YOUR_CALM.',
  },
  headMs: {
    value: 30_000,
    doc: 'From the first byte of a request head to its last; HTTP/1.1 answers 408, HTTP/2 closes the connection.',
  },
  idleMs: {
    value: 3_600_000,
    doc: 'A client connection without a request (Envoy: one hour); it is closed.',
  },
  pipelined: {
    value: 100,
    doc: 'HTTP/1.1 requests waiting behind the one being answered; one more closes the connection.',
  },
  concurrentStreams: {
    value: 128,
    doc: 'HTTP/2 requests at once on one client connection, advertised as MAX_CONCURRENT_STREAMS.',
  },
  pongMs: {
    value: 30_000,
    doc: 'A client with HTTP/2 requests under way is sent a PING this often, and is gone when it has not answered by the next.',
  },
  streamWindowBytes: {
    value: 262_144,
    doc: 'HTTP/2 flow-control window of a stream in either direction: what one stream may hold in memory.',
  },
  replayBytes: {
    value: 65_536,
    doc: 'Request body kept for a second attempt; a request that sent more is not tried again.',
  },
  upstreamTotal: {
    value: 4_096,
    doc: 'Upstream connections of the process; an idle one elsewhere is closed for a new one, else 503 (UPSTREAM_OVERFLOW).',
  },
  upstreamPerEndpoint: {
    value: 100,
    doc: 'HTTP/1.1 connections to one endpoint or remote network; more requests wait.',
  },
  upstreamSessions: {
    value: 8,
    doc: 'HTTP/2 connections to one endpoint or remote network; more requests wait.',
  },
  upstreamStreams: {
    value: 100,
    doc: 'HTTP/2 requests at once on one upstream connection; the peer may allow fewer.',
  },
  upstreamWaiting: {
    value: 1_024,
    doc: 'Requests waiting for a connection to one endpoint (Envoy: max_pending_requests); one more is answered 503 (UPSTREAM_OVERFLOW).',
  },
  upstreamIdleMs: {
    value: 60_000,
    doc: 'An upstream connection without a request; it is closed.',
  },
  upstreamAgeMs: {
    value: 600_000,
    doc: 'Age after which a connection to an endpoint of the own network takes no more requests.',
  },
  remoteSpread: {
    value: 4,
    doc: 'Connections kept to a remote network: the gateway there picks a backend per connection, so several reach several backends.',
  },
  remoteAgeMs: {
    value: 60_000,
    doc: 'Age after which a connection to a remote network takes no more requests, so that new backends get their share.',
  },
  sweepMs: {
    value: 5_000,
    doc: 'How often idle and old upstream connections are looked for.',
  },
  lingerMs: {
    value: 1_000,
    doc: 'How long an HTTP/2 client may keep a connection it was told to leave, after its last request.',
  },
} as const satisfies Record<string, LimitRow>;

export type HttpLimits = { readonly [Name in keyof typeof LIMIT_TABLE]: number };

/** The table's values, some replaced: tests make bounds small enough to reach. */
export function httpLimits(replaced: Partial<HttpLimits> = {}): HttpLimits {
  const defaults = Object.fromEntries(Object.entries(LIMIT_TABLE).map(([name, row]) => [name, row.value]));
  return { ...(defaults as HttpLimits), ...replaced };
}
