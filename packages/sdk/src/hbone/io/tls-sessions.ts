/**
 * TLS 1.3 sessions to resume as a client, so that a further connection to the same peer costs no certificate exchange.
 *
 * Why that is safe. A ticket stands for one full handshake in which this very certificate of ours and the peer's were
 * verified, and only the peer of that handshake can redeem it. What was proved then is kept with the ticket and judged
 * again at each use as if it were fresh: the names against whoever is expected now, its end against the clock, its chain
 * against the revocation lists in force. A ticket is found only by the same certificate object, which carries our roots:
 * when either is renewed it is never found again. Each resumption makes new keys (psk_dhe_ke), and nothing is sent before
 * it is through (no 0-RTT). Using a ticket more than once lets an observer link connections (RFC 8446 section C.4); theirs
 * are between the same two addresses anyway.
 *
 * Bounds: `MAX_TICKETS` per certificate of ours, the oldest makes room; `SESSION_LIFE_SECONDS` each.
 */
import { SESSION_LIFE_SECONDS } from '../../identity/tls-parameters.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { PeerProof } from './peer-proof.js';

export interface KeptSession {
  readonly ticket: Buffer;
  readonly proof: PeerProof;
}

export interface SessionKey {
  readonly certificate: WorkloadCertificate;
  /** The peer as it is dialled. */
  readonly peer: string;
  /** SPIFFE URIs, any of which the peer may prove. */
  readonly expected: readonly string[];
}

export interface TlsSessions {
  find(key: SessionKey, now: number): KeptSession | undefined;
  keep(key: SessionKey, session: KeptSession, now: number): void;
  /** It did no good. */
  drop(key: SessionKey): void;
}

const MAX_TICKETS = 256;

interface Entry {
  readonly session: KeptSession;
  readonly endsAt: number;
}

export function createTlsSessions(): TlsSessions {
  const byCertificate = new WeakMap<WorkloadCertificate, Map<string, Entry>>();
  return {
    find(key, now) {
      const entry = byCertificate.get(key.certificate)?.get(nameOf(key));
      return entry && entry.endsAt > now ? entry.session : undefined;
    },
    keep(key, session, now) {
      const entries = byCertificate.get(key.certificate) ?? new Map<string, Entry>();
      byCertificate.set(key.certificate, entries);
      const name = nameOf(key);
      entries.delete(name);
      const [oldest] = entries.keys();
      if (oldest !== undefined && entries.size >= MAX_TICKETS) entries.delete(oldest);
      entries.set(name, { session, endsAt: Math.min(now + SESSION_LIFE_SECONDS * 1_000, session.proof.notAfter) });
    },
    drop(key) {
      byCertificate.get(key.certificate)?.delete(nameOf(key));
    },
  };
}

function nameOf({ peer, expected }: SessionKey): string {
  return JSON.stringify([peer, [...expected].sort()]);
}
