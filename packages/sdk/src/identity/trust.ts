/**
 * Whose roots vouch for which names. Once bundles are known, a name of trust domain B counts only under B's roots (SPIFFE
 * Trust Domain and Bundle, section 4): a CA that vouches for one domain cannot speak for another. Until then, and with an
 * istiod that never tells, the roots that came with a certificate vouch for every name, as they do in ztunnel.
 *
 * Bundles change while connections are open: whoever watches is told when what it was verified by is no longer trusted.
 * Bound: one watch per open connection.
 */
import type { X509Certificate } from 'node:crypto';
import { parseTrustBundle, type TrustBundle } from './trust-bundle.js';

/** By trust domain (`example.org`): its trust anchors, PEM, one certificate each. */
export type TrustBundles = ReadonlyMap<string, readonly string[]>;

/** What a peer proved, as far as trust goes. */
export interface Proven {
  readonly trustDomain: string;
  /** Leaf first. */
  chain(): readonly X509Certificate[];
  /** When, in milliseconds since the epoch: what was valid then need not be for as long as the connection lives. */
  readonly at: number;
  /** The roots that TLS verified the chain against. */
  readonly verifiedBy: readonly string[];
}

/** What connections ask. */
export interface PeerTrust {
  /** Undefined: nobody has said whose roots are whose. */
  readonly bundles: TrustBundles | undefined;
  /** Why it does not count, as half a sentence about the peer; undefined when it does. */
  refusal(proven: Proven): string | undefined;
  /** Tells, at most once, when it does not count any more. Returns how to stop that. */
  watch(proven: Proven, onLost: (reason: string) => void): () => void;
}

export interface Trust extends PeerTrust {
  set(bundles: TrustBundles | undefined): void;
  /** Calls back after each change, before watches are told. Returns how to stop that. */
  onChanged(listener: () => void): () => void;
}

export function createTrust(): Trust {
  const listeners = new Set<() => void>();
  const watches = new Set<() => void>();
  let bundles: TrustBundles | undefined;
  const refusal = (proven: Proven) => bundles && refusalOf(proven, bundles);

  return {
    get bundles() {
      return bundles;
    },
    refusal,
    set(next) {
      if (isSame(next, bundles)) return;
      bundles = next && keepSame(next, bundles);
      for (const listener of listeners) listener();
      for (const look of [...watches]) look();
    },
    watch(proven, onLost) {
      const look = () => {
        const reason = refusal(proven);
        if (reason === undefined || !watches.delete(look)) return;
        onLost(reason);
      };
      watches.add(look);
      look();
      return () => void watches.delete(look);
    },
    onChanged(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Of every domain, without repetition: what TLS has to be able to verify. */
export function anchorsOf(bundles: TrustBundles): readonly string[] {
  const [first, ...others] = bundles.values();
  // The very list, so that it can be told that TLS verified against nothing else.
  if (first && others.length === 0) return first;
  return [...new Set([...bundles.values()].flat())];
}

function refusalOf(proven: Proven, bundles: TrustBundles): string | undefined {
  const { trustDomain, verifiedBy } = proven;
  const own = bundles.get(trustDomain);
  if (!own) return `no roots are known here for trust domain ${trustDomain}`;
  if (own === verifiedBy || vouches(own, proven)) return undefined;
  const [other] = [...bundles].find(([, pems]) => pems !== own && vouches(pems, proven)) ?? [];
  const instead = other === undefined ? '' : `, but under those of ${other}`;
  return `its certificate was not issued under the roots of trust domain ${trustDomain}${instead}`;
}

const parsed = new WeakMap<readonly string[], TrustBundle>();
/** By chain: the anchor found for it, which a bundle that is changed elsewhere still has. */
const found = new WeakMap<readonly X509Certificate[], X509Certificate>();

function vouches(pems: readonly string[], proven: Proven): boolean {
  const bundle = parsed.get(pems) ?? parseTrustBundle(pems.join(''));
  parsed.set(pems, bundle);
  const chain = proven.chain();
  const known = found.get(chain);
  if (known && bundle.contains(known)) return true;
  const anchor = bundle.anchorOf(chain, proven.at);
  if (anchor) found.set(chain, anchor);
  return anchor !== undefined;
}

function isSame(a: TrustBundles | undefined, b: TrustBundles | undefined): boolean {
  if (!a || !b) return a === b;
  return a.size === b.size && [...a].every(([domain, pems]) => isSameBundle(pems, b.get(domain)));
}

function isSameBundle(a: readonly string[], b: readonly string[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((pem, index) => pem === b[index]);
}

/** A bundle that says the same stays the same list: what was verified by it need not be verified again. */
function keepSame(next: TrustBundles, previous: TrustBundles | undefined): TrustBundles {
  const kept = [...next].map(([domain, pems]) => {
    const before = previous?.get(domain);
    return [domain, before && isSameBundle(pems, before) ? before : pems] as const;
  });
  return new Map(kept);
}
