/** A load while it runs; each kind is a file here. */
export interface Load {
  /** Resolves when it runs as it will from now on. */
  start(): Promise<void>;
  readonly bytes: number;
  readonly operations: number;
  /** Opens nothing more and lets go of what is open. */
  stop(): void;
}

/** Of one whose operations are timed: seconds, of those since the last call. */
export interface TimedLoad extends Load {
  latencies(): { readonly p50: number; readonly p99: number };
}

export function now(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}
