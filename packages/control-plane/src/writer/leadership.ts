/**
 * One of several replicas at a time: whoever holds the Lease has a term, in which it may write.
 *
 *   following ── Lease free, or run out ──> leading ── renewed every RETRY_MS ──┐
 *       ^                                      │  ^─────────────────────────────┘
 *       └── not renewed for DEADLINE_MS, lost ─┘
 *
 * A leader that cannot renew stops before the Lease has run out for the others: two terms do not overlap. When it closes
 * it gives the Lease back, so that nobody has to wait.
 */
import { type Clock, type Logger, pause, type Scope } from '@isthmus/sdk/runtime';
import { ApiFailure, type ApiRequest, type KubernetesApi, ruleFor } from '../sources/index.js';
import { claimLease, type LeaseSpec, releaseLease, type SeenLease, seeLease } from './lease.js';

export interface LeadershipInit {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this replica, among all there ever are. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is owned by the scope ends with the term. */
  readonly onTerm: (term: Scope) => void;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: () => number;
}

export interface Leadership {
  readonly isLeading: boolean;
  /** Who leads, as the Lease says; empty when nobody does or it is not known. */
  readonly leader: string;
  /** Why the Lease cannot be read or written; undefined when it can. */
  readonly problem: string | undefined;
}

/** client-go's. */
const LEASE_SECONDS = 15;
const DEADLINE_MS = 10_000;
const RETRY_MS = 2_000;
/** Of one request, so that a leader knows before its deadline. */
const ANSWER_MS = 5_000;

export function createLeadership(scope: Scope, init: LeadershipInit): Leadership {
  const { clock, log, identity, name, random = Math.random } = init;
  const lease = createLeaseClient(init);
  const term = createTerm(scope, init);
  let seen: SeenLease | undefined;
  let problem: string | undefined;

  async function attempt(): Promise<void> {
    const startedMs = clock.monotonic();
    const found = await lease.read(scope.signal);
    seen = found === undefined ? undefined : seeLease(found, seen, startedMs);
    const turn = { identity, durationSeconds: LEASE_SECONDS, now: clock.now(), monotonicMs: startedMs };
    const claim = claimLease(seen, turn);
    if (!claim) return term.end('another replica holds the Lease');
    seen = seeLease(await lease.write(claim, seen?.resourceVersion, scope.signal), seen, startedMs);
    term.extend(startedMs);
  }

  async function run(): Promise<void> {
    while (!scope.signal.aborted) {
      await attempt().then(
        () => tell(undefined),
        // Who was quicker is seen at the next look.
        (error: unknown) => (error instanceof ApiFailure && error.reason === 'conflict' ? undefined : tell(error)),
      );
      await pause(clock, RETRY_MS * (1 + 0.2 * random()), scope.signal);
    }
  }

  function tell(error: unknown): void {
    if (scope.signal.aborted) return;
    const message = error === undefined ? undefined : (error as Error).message;
    if (message !== undefined && message !== problem)
      log.error({ lease: name }, `${message}; nothing is written by a replica that cannot hold the Lease`);
    if (message === undefined && problem !== undefined) log.info({ lease: name }, 'the Lease can be used again');
    problem = message;
  }

  async function release(): Promise<void> {
    if (seen?.spec.holderIdentity !== identity) return;
    await lease.write(releaseLease(seen.spec, clock.now()), seen.resourceVersion).catch((error: Error) => {
      log.debug({ lease: name, reason: error.message }, 'the Lease was not given back; it runs out by itself');
    });
  }

  const running = run();
  // After the term, which is owned later, has ended.
  scope.own(async () => {
    await running;
    await release();
  });
  return {
    get isLeading() {
      return term.isOpen;
    },
    get leader() {
      return seen?.spec.holderIdentity ?? '';
    },
    get problem() {
      return problem;
    },
  };
}

/** The time in which this replica may write. Ends by itself unless it is extended. */
function createTerm(scope: Scope, { clock, log, name, identity, onTerm }: LeadershipInit) {
  let current: Scope | undefined;
  let cancelDeadline = () => {};
  scope.own(() => cancelDeadline());

  function end(reason: string): void {
    cancelDeadline();
    if (!current) return;
    log.warn({ lease: name, reason }, 'another replica may write now');
    current.close(reason).catch((error: unknown) => log.error({ err: error }, 'a term did not end well'));
    current = undefined;
  }

  return {
    end,
    /** The Lease was asked for then, and given. Counts from then on, not from when the answer came. */
    extend(askedMs: number): void {
      cancelDeadline();
      const restMs = askedMs + DEADLINE_MS - clock.monotonic();
      cancelDeadline = clock.schedule(Math.max(0, restMs), () => end('the Lease could not be renewed in time'));
      if (current || scope.signal.aborted || restMs <= 0) return;
      log.info({ lease: name, identity }, 'this replica writes from now on');
      current = scope.child();
      onTerm(current);
    },
    get isOpen() {
      return current !== undefined && !current.signal.aborted;
    },
  };
}

/** The requests about one Lease. */
function createLeaseClient({ api, namespace, name }: LeadershipInit) {
  const group = 'coordination.k8s.io';
  const collection = `/apis/${group}/v1/namespaces/${namespace}/leases`;
  const request = (path: string, verb: string, signal?: AbortSignal): ApiRequest => ({
    path,
    what: `${verb} lease ${namespace}/${name}`,
    rule: ruleFor({ group, plural: 'leases', namespace }, [verb]),
    answerMs: ANSWER_MS,
    ...(signal && { signal }),
  });
  return {
    /** Undefined: there is none. */
    async read(signal: AbortSignal): Promise<unknown> {
      try {
        return await api.ask(request(`${collection}/${name}`, 'get', signal));
      } catch (error) {
        if (error instanceof ApiFailure && error.reason === 'notFound') return undefined;
        throw error;
      }
    },
    /** Fails with a conflict when it is not at that version any more, or, without one, when there is one. */
    write(spec: LeaseSpec, resourceVersion: string | undefined, signal?: AbortSignal): Promise<unknown> {
      const metadata = { name, namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      const body = { apiVersion: `${group}/v1`, kind: 'Lease', metadata, spec };
      const isNew = resourceVersion === undefined;
      const method = isNew ? 'POST' : 'PUT';
      return api.ask({
        ...request(isNew ? collection : `${collection}/${name}`, isNew ? 'create' : 'update', signal),
        send: { method, type: 'application/json', body },
      });
    },
  };
}
