/**
 * What a peer proved in a TLS handshake, apart from whether that is enough: the names its certificate states, how long it
 * is valid, and the chain it was verified by.
 *
 * A resumed session shows less: a client cannot ask Node for the certificate at all, a server gets the leaf without its
 * chain. So a proof is kept where it was made, and one that cannot be had again proves nothing.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { urisOf } from '../../identity/spiffe-san.js';
import { SESSION_LIFE_SECONDS } from '../../identity/tls-parameters.js';
import { issued, parseTrustBundle, type TrustBundle } from '../../identity/trust-bundle.js';
import type { WorkloadCertificate } from '../../identity/types.js';

export interface PeerProof {
  /** URI names of the certificate, of whatever scheme. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Of a resumed session whose beginning is not remembered: nobody knows any more who issued the certificate. */
  readonly isLeafOnly: boolean;
  /** Leaf first, then whoever issued it as far as the handshake showed; see `isWhole`. */
  chain(): readonly X509Certificate[];
}

/** Of the handshake that has just ended; undefined when there is no certificate to read. Ask once: Node tells once. */
export function readProof(socket: TLSSocket): PeerProof | undefined {
  const leaf = socket.getPeerX509Certificate();
  return leaf && proofOf(leaf, socket);
}

function proofOf(leaf: X509Certificate, socket: TLSSocket): PeerProof {
  let chain: readonly X509Certificate[] | undefined;
  return {
    names: urisOf(leaf.subjectAltName),
    notAfter: Date.parse(leaf.validTo),
    isLeafOnly: socket.isSessionReused(),
    chain() {
      chain ??= chainOf(leaf);
      return chain;
    },
  };
}

/** A peer chooses what it sends along; chains of meshes have three or four. */
const MAX_CHAIN = 16;

function chainOf(leaf: X509Certificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next: X509Certificate | undefined = leaf; next && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}

const trusted = new WeakMap<WorkloadCertificate, TrustBundle>();

/**
 * Whether each is signed by the next and the last is a root of ours. Node links certificates by name alone: a peer may
 * send along one that only looks like its issuer, to hide a revoked one behind it.
 */
export function isWhole(chain: readonly X509Certificate[], certificate: WorkloadCertificate): boolean {
  const bundle = trusted.get(certificate) ?? parseTrustBundle(certificate.roots.join(''));
  trusted.set(certificate, bundle);
  const last = chain.at(-1);
  const isLinked = chain.every((each, index) => {
    const issuer = chain[index + 1];
    return issuer === undefined || issued(issuer, each);
  });
  return chain.length > 1 && isLinked && last !== undefined && bundle.contains(last);
}

/** Chains of clients that may come back with a ticket, by their leaf. */
export interface ClientProofs {
  /** The proof of a client: whole when its handshake was full, or is remembered from when it was. */
  of(socket: TLSSocket, now: number): PeerProof | undefined;
}

/** One client each; beyond it the oldest is forgotten, and has to shake hands in full. */
const MAX_PROOFS = 16_384;

export function createClientProofs(): ClientProofs {
  const kept = new Map<string, { readonly proof: PeerProof; readonly endsAt: number }>();
  return {
    of(socket, now) {
      const leaf = socket.getPeerX509Certificate();
      if (!leaf) return undefined;
      const name = leaf.fingerprint256;
      if (socket.isSessionReused()) {
        const known = kept.get(name);
        return known && known.endsAt > now ? known.proof : proofOf(leaf, socket);
      }
      const proof = proofOf(leaf, socket);
      kept.delete(name);
      // In the order in which they end. What cannot be resumed any more would otherwise stay for ever.
      for (const [oldest, { endsAt }] of kept) {
        if (endsAt > now && kept.size < MAX_PROOFS) break;
        kept.delete(oldest);
      }
      // Twice as long as a ticket is good for: a client whose ticket still counts is not forgotten for its age.
      kept.set(name, { proof, endsAt: now + 2 * SESSION_LIFE_SECONDS * 1_000 });
      return proof;
    },
  };
}
