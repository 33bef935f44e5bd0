/** What one subscriber holds of one resource type, and how far it has acknowledged. */
import type { EncodedResource } from './encode.js';

/** Responses on their way; an acknowledgement of an older one tells nothing new. */
const MAX_IN_FLIGHT = 256;
/** Names a subscriber asked for in vain, remembered until they are answered. */
const MAX_UNKNOWN_NAMES = 10_000;

export interface SubscriptionStatus {
  readonly typeUrl: string;
  readonly state: 'not sent' | 'synced' | 'stale' | 'rejected';
  readonly sentNonce: string;
  readonly ackedNonce: string;
  readonly held: number;
  /** Of the last response that was refused, until a later one is accepted. */
  readonly lastRejection?: { readonly nonce: string; readonly reason: string };
}

export interface Subscription {
  readonly typeUrl: string;
  /** By name, the version last sent; what a refused response carried counts as sent until its content changes. */
  readonly held: ReadonlyMap<string, string>;
  /** Names that were asked for and are not held. */
  readonly unknown: ReadonlySet<string>;
  /** An answer is due even if there is nothing to say: ztunnel is not ready before. */
  readonly owed: boolean;
  /** The subscriber has lost these, or asks for them anew. */
  lost(names: readonly string[]): void;
  sent(nonce: string, changed: readonly EncodedResource[], removed: readonly string[]): void;
  /** False for a nonce that was never sent or is long answered. */
  acked(nonce: string): boolean;
  rejected(nonce: string, reason: string): boolean;
  status(): SubscriptionStatus;
}

/** `initial`: versions by name, as the subscriber reports them. */
export function createSubscription(typeUrl: string, initial: Readonly<Record<string, string>>): Subscription {
  const held = new Map(Object.entries(initial));
  const unknown = new Set<string>();
  const inFlight: string[] = [];
  let owed = true;
  let sentNonce = '';
  let ackedNonce = '';
  let lastRejection: SubscriptionStatus['lastRejection'];

  /** Responses are answered in order, so an answer settles all before it. */
  function settle(nonce: string): boolean {
    const index = inFlight.indexOf(nonce);
    inFlight.splice(0, index + 1);
    return index >= 0;
  }

  function state(): SubscriptionStatus['state'] {
    if (sentNonce === '') return 'not sent';
    if (lastRejection) return 'rejected';
    return ackedNonce === sentNonce ? 'synced' : 'stale';
  }

  return {
    typeUrl,
    held,
    unknown,
    get owed() {
      return owed;
    },
    lost(names) {
      owed = true;
      for (const name of names) {
        if (!held.delete(name) && unknown.size < MAX_UNKNOWN_NAMES) unknown.add(name);
      }
    },
    sent(nonce, changed, removed) {
      owed = false;
      for (const { name, version } of changed) held.set(name, version);
      for (const name of removed) held.delete(name);
      for (const name of [...changed.map((resource) => resource.name), ...removed]) unknown.delete(name);
      sentNonce = nonce;
      inFlight.push(nonce);
      if (inFlight.length > MAX_IN_FLIGHT) inFlight.shift();
    },
    acked(nonce) {
      if (!settle(nonce)) return false;
      ackedNonce = nonce;
      lastRejection = undefined;
      return true;
    },
    rejected(nonce, reason) {
      if (!settle(nonce)) return false;
      lastRejection = { nonce, reason };
      return true;
    },
    status: () => ({
      typeUrl,
      state: state(),
      sentNonce,
      ackedNonce,
      held: held.size,
      ...(lastRejection && { lastRejection }),
    }),
  };
}

export interface Difference {
  readonly changed: readonly EncodedResource[];
  readonly removed: readonly string[];
}

export function differenceOf({ held, unknown }: Subscription, view: ReadonlyMap<string, EncodedResource>): Difference {
  const changed = [...view.values()].filter(({ name, version }) => held.get(name) !== version);
  const removed = [...held.keys(), ...unknown].filter((name) => !view.has(name));
  return { changed, removed };
}
