/**
 * Keeps one certificate per identity, fresh.
 *
 *              sign ok                            half of its life left
 *   initializing ─────> available ────────────────────────────────┐
 *     │  ^                 ^ │  └─ refresh fails: the old one goes on until it expires
 *     │  │ back-off        │ │ expired                             │
 *     v  │                 │ v                                     │
 *   unavailable ───────────┴───────────── sign ok <───────────────┘
 *
 * First use fetches; everyone who asks meanwhile waits for the same request. Failures are tried again after 1 s doubling
 * to 150 s (ztunnel's figures), whether anybody asks or not; who asks in between gets the last reason at once.
 *
 * Bounds: one entry and one timer per identity asked for. Callers ask for the workloads they stand for and `forget` those
 * that are gone; a peer cannot make an entry.
 */
import { X509Certificate } from 'node:crypto';
import { type Backoff, createBackoff } from '../runtime/backoff.js';
import { type Clock, realClock } from '../runtime/clock.js';
import { type Logger, silentLogger } from '../runtime/log.js';
import type { Scope } from '../runtime/scope.js';
import { Fault } from '../wire/faults.js';
import { parseSpiffeId } from '../wire/spiffe.js';
import type { CertificateAuthority } from './ca-client.js';
import { type CertificateTerms, type IssuedChain, readIssuedChain } from './certificate.js';
import { createSigningRequest } from './csr.js';
import { createFetchQueue, type FetchPriority, type FetchQueue } from './fetch-queue.js';
import type { Trust } from './trust.js';
import type { CertificateSource, CertificateStatus, WorkloadCertificate } from './types.js';

export interface CertificateManagerInit extends CertificateTerms {
  readonly ca: CertificateAuthority;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly random?: () => number;
  /** Requests at the same time. Default 8, ztunnel's figure. */
  readonly concurrency?: number;
  /**
   * The share of its life that a certificate has left when the next one is fetched, between 0 and 1. Default 0.5. A CA
   * may be away for that long before anybody notices.
   */
  readonly gracePeriodRatio?: number;
  /** When it changes, certificates are made anew of what the CA issued. */
  readonly trust?: Trust | undefined;
  /** Told of every certificate issued, with its key: for a process that keeps certificates for others of its group. */
  onIssued?(credential: IssuedCredential): void;
}

/** What `readIssuedChain` makes a certificate of. */
export interface IssuedCredential extends IssuedChain {
  readonly identity: string;
}

export interface CertificateManager extends CertificateSource {
  /** Calls back when a certificate replaced another one of the same identity. Returns how to stop that. */
  onRotated(listener: (certificate: WorkloadCertificate) => void): () => void;
  /** Drops the identity: its certificate is no longer refreshed nor listed. */
  forget(identity: string): void;
}

const DEFAULT_CONCURRENCY = 8;
const DEFAULT_GRACE_PERIOD_RATIO = 0.5;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_CAP_MS = 150_000;
/** Of a certificate that arrives with almost no life left, so that a broken CA is not asked in a tight loop. */
const SHORTEST_REFRESH_MS = 1_000;
/** Workloads that started together must not refresh together. */
const REFRESH_JITTER = 0.1;
/** When the root of our own certificates is withdrawn, every proxy of the mesh hears of it in the same moment. */
const WITHDRAWN_SPREAD_MS = 5_000;

/** What is known of one identity. */
interface Entry {
  readonly identity: string;
  readonly backoff: Backoff;
  certificate?: WorkloadCertificate | undefined;
  /** What `certificate` was made of. The key in it is opaque. */
  credential?: IssuedCredential | undefined;
  /** Of the last attempt; gone after a success. */
  failure?: Fault | undefined;
  pending?: Promise<WorkloadCertificate> | undefined;
  cancelTimer: () => void;
}

export function createCertificateManager(scope: Scope, init: CertificateManagerInit): CertificateManager {
  const manager = new Manager(scope.signal, init);
  scope.own(() => manager.close());
  return manager;
}

class Manager implements CertificateManager {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(certificate: WorkloadCertificate) => void>();
  readonly #queue: FetchQueue;
  readonly #signal: AbortSignal;
  readonly #means: Means;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #gracePeriodRatio: number;
  readonly #onIssued: (credential: IssuedCredential) => void;
  readonly #ignoreTrust: () => void;

  constructor(signal: AbortSignal, init: CertificateManagerInit) {
    this.#signal = signal;
    const { ca, clock = realClock, trust, tls } = init;
    this.#means = { ca, clock, trust, tls };
    this.#clock = clock;
    this.#log = init.log ?? silentLogger;
    this.#random = init.random ?? Math.random;
    this.#gracePeriodRatio = init.gracePeriodRatio ?? DEFAULT_GRACE_PERIOD_RATIO;
    this.#onIssued = (credential) => init.onIssued?.(credential);
    this.#queue = createFetchQueue(init.concurrency ?? DEFAULT_CONCURRENCY);
    this.#ignoreTrust = trust?.onChanged(() => this.#remakeAll()) ?? (() => {});
  }

  async certificate(identity: string): Promise<WorkloadCertificate> {
    if (this.#signal.aborted) throw new Fault('IDENTITY_UNAVAILABLE', `certificate of ${identity}: shutting down`);
    if (!parseSpiffeId(identity)) {
      throw new Fault('IDENTITY_UNAVAILABLE', `"${identity}" is not spiffe://<domain>/ns/<namespace>/sa/<account>`);
    }
    const entry = this.#entries.get(identity) ?? this.#open(identity);
    const current = this.#usable(entry) ?? entry.pending;
    if (current) return current;
    if (entry.failure) throw entry.failure;
    return this.#fetch(entry, 'waiting');
  }

  held(): readonly CertificateStatus[] {
    return [...this.#entries.values()].map((entry) => this.#statusOf(entry));
  }

  onRotated(listener: (certificate: WorkloadCertificate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  forget(identity: string): void {
    this.#entries.get(identity)?.cancelTimer();
    this.#entries.delete(identity);
  }

  close(): void {
    this.#ignoreTrust();
    for (const identity of [...this.#entries.keys()]) this.forget(identity);
  }

  #open(identity: string): Entry {
    const backoff = createBackoff({ firstMs: BACKOFF_FIRST_MS, capMs: BACKOFF_CAP_MS, random: this.#random });
    const entry: Entry = { identity, backoff, cancelTimer: () => {} };
    this.#entries.set(identity, entry);
    return entry;
  }

  #fetch(entry: Entry, priority: FetchPriority): Promise<WorkloadCertificate> {
    entry.cancelTimer();
    const pending = this.#queue
      .run(priority, () => obtain(entry.identity, this.#means, this.#signal))
      .then(
        ({ credential, certificate }) => {
          if (this.#isKnown(entry)) this.#onIssued(credential);
          entry.credential = credential;
          return this.#succeeded(entry, certificate);
        },
        (fault: Fault) => this.#failed(entry, fault),
      );
    // A refresh has nobody waiting; whoever does wait gets the promise itself.
    pending.catch(() => {});
    entry.pending = pending;
    return pending;
  }

  #succeeded(entry: Entry, certificate: WorkloadCertificate): WorkloadCertificate {
    const isRotation = entry.certificate !== undefined;
    entry.pending = undefined;
    entry.failure = undefined;
    entry.certificate = certificate;
    const { identity, serialNumber, notAfter } = certificate;
    this.#fetchAfter(entry, this.#refreshDelay(entry, certificate));
    this.#log.info({ identity, serialNumber, notAfter: new Date(notAfter).toISOString() }, 'certificate issued');
    if (isRotation && this.#isKnown(entry)) this.#notify(certificate);
    return certificate;
  }

  /** Milliseconds until the next one is fetched. */
  #refreshDelay({ identity, backoff }: Entry, certificate: WorkloadCertificate): number {
    if (isWithdrawn(certificate, this.#clock.now())) {
      // The CA, or this replica of it, has not heard yet of what all others go by.
      this.#log.warn({ identity }, 'certificate issued under a root that is not trusted any more; asking again');
      return backoff.next();
    }
    backoff.reset();
    const lifeLeftMs = certificate.notAfter - this.#clock.now();
    const jitter = 1 + REFRESH_JITTER * (2 * this.#random() - 1);
    return Math.max(SHORTEST_REFRESH_MS, lifeLeftMs * (1 - this.#gracePeriodRatio) * jitter);
  }

  /** With the bundles as they are now. One whose own root is no longer among them is of no use to anybody: it is replaced. */
  #remakeAll(): void {
    for (const entry of this.#entries.values()) {
      const { credential, identity } = entry;
      if (!credential || !this.#usable(entry)) continue;
      try {
        const certificate = readIssuedChain(identity, credential, this.#clock.now(), this.#means);
        entry.certificate = certificate;
        this.#notify(certificate);
        if (isWithdrawn(certificate, this.#clock.now())) this.#fetchAfter(entry, this.#random() * WITHDRAWN_SPREAD_MS);
      } catch (error) {
        this.#log.error({ err: error, identity }, 'certificate cannot be used with the new trust bundles');
      }
    }
  }

  #failed(entry: Entry, fault: Fault): never {
    entry.pending = undefined;
    entry.failure = fault;
    const current = this.#usable(entry);
    const delayMs = entry.backoff.next();
    // The moment of expiry is worth an attempt of its own: from then on connections fail.
    const retryMs = current ? Math.min(delayMs, current.notAfter - this.#clock.now()) : delayMs;
    this.#fetchAfter(entry, retryMs);
    if (this.#isKnown(entry)) {
      const { identity } = entry;
      this.#log.warn({ identity, reason: fault.message, retryMs: Math.round(retryMs) }, 'no certificate issued');
    }
    throw fault;
  }

  #fetchAfter(entry: Entry, delayMs: number): void {
    if (!this.#isKnown(entry)) return;
    entry.cancelTimer();
    entry.cancelTimer = this.#clock.schedule(delayMs, () => {
      void this.#fetch(entry, this.#usable(entry) ? 'refresh' : 'waiting');
    });
  }

  #notify(certificate: WorkloadCertificate): void {
    for (const listener of this.#listeners) {
      try {
        listener(certificate);
      } catch (error) {
        this.#log.error({ err: error }, 'a listener of certificate rotation failed');
      }
    }
  }

  /** False once forgotten, also while its request is under way. */
  #isKnown(entry: Entry): boolean {
    return this.#entries.get(entry.identity) === entry;
  }

  #usable({ certificate }: Entry): WorkloadCertificate | undefined {
    return certificate && certificate.notAfter > this.#clock.now() ? certificate : undefined;
  }

  #statusOf(entry: Entry): CertificateStatus {
    const { identity, failure, pending } = entry;
    const certificate = this.#usable(entry);
    const state = certificate ? 'available' : pending && !failure ? 'initializing' : 'unavailable';
    return { identity, state, ...(failure && { reason: failure.message }), ...(certificate && { certificate }) };
  }
}

/** By which certificates come. */
interface Means extends CertificateTerms {
  readonly ca: CertificateAuthority;
  readonly clock: Clock;
}

async function obtain(
  identity: string,
  { ca, clock, ...terms }: Means,
  signal: AbortSignal,
): Promise<{ readonly credential: IssuedCredential; readonly certificate: WorkloadCertificate }> {
  try {
    signal.throwIfAborted();
    const { csr, privateKey } = await createSigningRequest(identity);
    const elements = await ca.sign({ identity, csr }, signal);
    const credential = { identity, elements, privateKey };
    return { credential, certificate: readIssuedChain(identity, credential, clock.now(), terms) };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('IDENTITY_UNAVAILABLE', `certificate of ${identity}: ${reason}`, { cause });
  }
}

/** Whether peers that hold the same bundles refuse it. */
function isWithdrawn({ chain, trustDomain, trust }: WorkloadCertificate, at: number): boolean {
  if (!trust?.bundles) return false;
  const certificates = chain.map((pem) => new X509Certificate(pem));
  return trust.refusal({ trustDomain, chain: () => certificates, at, verifiedBy: [] }) !== undefined;
}
