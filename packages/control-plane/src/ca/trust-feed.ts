/**
 * Whose roots vouch for which trust domain, as proxies are told: those of our own CA for our own domain, and for others
 * what their control planes have shown or the settings name. Nobody else's roots ever vouch for our own domain: who wants
 * two CAs for it puts both roots into `root-cert.pem`.
 */
import { splitPem, type TrustBundles } from '@isthmus/sdk/identity';
import { isCaCertificate } from './certificates.js';
import type { CaStore } from './store.js';

export interface ForeignBundle {
  readonly trustDomain: string;
  /** PEM. */
  readonly roots: string;
}

export interface TrustFeedInit {
  readonly trustDomain: string;
  readonly store: Pick<CaStore, 'current' | 'onReplaced'>;
}

export interface TrustFeed {
  /** The same object while nothing changes. */
  readonly current: TrustBundles;
  /** All that comes from that origin, in place of what came from it before. */
  setForeign(origin: string, bundles: readonly ForeignBundle[]): void;
  /** Returns how to stop that. */
  onChanged(listener: () => void): () => void;
}

export function createTrustFeed({ trustDomain, store }: TrustFeedInit): TrustFeed {
  const listeners = new Set<() => void>();
  const origins = new Map<string, readonly ForeignBundle[]>();
  let current = build();
  store.onReplaced(update);

  function build(): TrustBundles {
    return mergeBundles({ trustDomain, roots: store.current.roots }, [...origins.values()].flat());
  }

  function update(): void {
    const next = build();
    if (JSON.stringify([...next]) === JSON.stringify([...current])) return;
    current = next;
    for (const listener of listeners) listener();
  }

  return {
    get current() {
      return current;
    },
    setForeign(origin, bundles) {
      origins.set(origin, bundles);
      update();
    },
    onChanged(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** The own domain first, the others in the order of their names; several clusters of one domain add up. */
export function mergeBundles(own: ForeignBundle, others: readonly ForeignBundle[]): TrustBundles {
  const foreign = others.filter(({ trustDomain }) => trustDomain !== own.trustDomain);
  const domains = [...new Set(foreign.map(({ trustDomain }) => trustDomain))].sort();
  const rootsOf = (domain: string) =>
    foreign.filter(({ trustDomain }) => trustDomain === domain).flatMap(({ roots }) => splitPem(roots));
  return new Map([
    [own.trustDomain, splitPem(own.roots)],
    ...domains.map((domain) => [domain, [...new Set(rootsOf(domain))]] as const),
  ]);
}

/** The certificates of CAs in a file, without what else is in it. Throws an error that says what is wrong. */
export function readRoots(text: string): string {
  const pems = splitPem(text);
  if (pems.length === 0) throw new Error('it holds no PEM certificate');
  for (const [index, pem] of pems.entries()) {
    if (!isCaCertificate(pem)) throw new Error(`its certificate ${index + 1} is not that of a CA`);
  }
  return pems.join('');
}
