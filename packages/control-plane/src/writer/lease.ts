/**
 * Whose turn it is to write, by a Lease (coordination.k8s.io/v1) as client-go's leader election has it. Pure. Clocks of
 * machines are not compared: a Lease has run out when it did not change for its own duration as seen from here.
 */
export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** RFC 3339 with microseconds. */
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface SeenLease {
  readonly spec: LeaseSpec;
  readonly resourceVersion: string;
  /** Since when it has not changed; monotonic. */
  readonly sinceMs: number;
}

export interface Turn {
  readonly identity: string;
  readonly durationSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly monotonicMs: number;
}

/** What to write in order to have the Lease, or to keep it; undefined while another has it. */
export function claimLease(seen: SeenLease | undefined, turn: Turn): LeaseSpec | undefined {
  const { identity, durationSeconds, now } = turn;
  const renewTime = microTime(now);
  const mine = { holderIdentity: identity, leaseDurationSeconds: durationSeconds, renewTime };
  if (!seen) return { ...mine, acquireTime: renewTime, leaseTransitions: 0 };
  const { acquireTime = renewTime, leaseTransitions = 0, holderIdentity = '' } = seen.spec;
  if (holderIdentity === identity) return { ...mine, acquireTime, leaseTransitions };
  if (holderIdentity !== '' && !hasRunOut(seen, turn)) return undefined;
  return { ...mine, acquireTime: renewTime, leaseTransitions: leaseTransitions + 1 };
}

/** What to write so that another need not wait. */
export function releaseLease({ leaseTransitions = 0 }: LeaseSpec, now: number): LeaseSpec {
  const time = microTime(now);
  return { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time, leaseTransitions };
}

/** What was read, with the time since which it has been so. */
export function seeLease(lease: unknown, before: SeenLease | undefined, monotonicMs: number): SeenLease {
  const { metadata, spec } = (lease ?? {}) as {
    readonly metadata?: { readonly resourceVersion?: unknown } | null;
    readonly spec?: LeaseSpec | null;
  };
  const resourceVersion = String(metadata?.resourceVersion ?? '');
  const sinceMs = before?.resourceVersion === resourceVersion ? before.sinceMs : monotonicMs;
  return { spec: spec ?? {}, resourceVersion, sinceMs };
}

function hasRunOut({ spec, sinceMs }: SeenLease, { durationSeconds, monotonicMs }: Turn): boolean {
  const seconds = spec.leaseDurationSeconds ?? durationSeconds;
  return monotonicMs - sinceMs >= seconds * 1000;
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
