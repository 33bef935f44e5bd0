/** What the runner asks of its children, and what they answer. Everything here crosses a process boundary as JSON. */

/** A relay between TCP and TCP: the subject, or what it is compared with. Each is a file in `relays`. */
export type RelayKind = 'hbone' | 'http2-tuned' | 'http2-default' | 'tls' | 'nested-pooled' | 'nested-fresh';

/** PEM. */
export interface Identity {
  readonly spiffeId: string;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** An application's port, as named in the CONNECT, and the port on loopback where it is to be found from here. */
export interface Route {
  readonly target: number;
  readonly via: number;
}

export interface RelayInit {
  readonly identity: Identity;
  /** SPIFFE ids of everybody else in the chain. */
  readonly peers: readonly string[];
  readonly routes: readonly Route[];
}

/** One proxy. A relay opens a port for each route, in order; HTTP/2 servers answer the same one each time. */
export interface ProxyCalls {
  client(init: RelayInit): Promise<readonly number[]>;
  server(init: RelayInit): Promise<readonly number[]>;
  usage(): Usage;
  /** After all garbage is collected. */
  settled(): Promise<Usage>;
  /** Begins a CPU profile. */
  profile(): Promise<void>;
  /** Ends it and writes it there. */
  endProfile(file: string): Promise<void>;
}

export interface Usage {
  /** Monotonic, the same for all processes of the machine. */
  readonly atSeconds: number;
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** The applications behind the server proxy, by what they do with a connection. */
export interface Applications {
  /** Reads and forgets. */
  readonly sink: number;
  /** Writes until the connection ends. */
  readonly source: number;
  /** Sends back what it reads. */
  readonly echo: number;
  /** Sends bytes of its own and ends, while it reads; see `load/integrity.ts`. */
  readonly mirror: number;
}

export const APPLICATION_NAMES = ['sink', 'source', 'echo', 'mirror'] as const satisfies (keyof Applications)[];

/** Ports are those of the client proxy. */
export type LoadInit =
  | { readonly kind: 'upload' | 'download'; readonly port: number; readonly connections: number }
  | { readonly kind: 'ping-pong'; readonly port: number; readonly connections: number; readonly bytes: number }
  | {
      readonly kind: 'paced';
      readonly port: number;
      readonly connections: number;
      readonly bytes: number;
      readonly everyMs: number;
    }
  | { readonly kind: 'churn'; readonly port: number; readonly concurrency: number }
  | { readonly kind: 'idle'; readonly port: number; readonly connections: number };

export interface LoadCalls {
  applications(): Promise<Applications>;
  /** Starts a load, one at a time; idle connections are all there when it answers. */
  begin(load: LoadInit): Promise<void>;
  /** What was done since `begin`; latencies since the last `count`. */
  count(): Count;
  /** Ends it. Rejects when connections of it outlive it. */
  end(): Promise<void>;
  /** Rejects, saying why, when bytes were lost or changed. */
  verify(init: IntegrityInit): Promise<void>;
}

export interface Count {
  readonly atSeconds: number;
  readonly bytes: number;
  readonly operations: number;
  /** Seconds; absent when nothing was timed. */
  readonly p50?: number;
  readonly p99?: number;
}

export interface IntegrityInit {
  readonly port: number;
  readonly connections: number;
  /** Each way. */
  readonly bytes: number;
  /** The application sends when it has heard the client's end, not at the same time. */
  readonly inTurns: boolean;
}
