/** What one subscriber holds of one resource type, and how far it has acknowledged. */
import type { EncodedResource } from './encode.js';

/** Responses on their way; an acknowledgement of an older one tells nothing new. */
const MAX_IN_FLIGHT = 256;

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
  readonly held: Map<string, string>;
  /** Names that were asked for and do not exist. */
  readonly unknown: Set<string>;
  /** An answer is due even if there is nothing to say: ztunnel is not ready before. */
  owed: boolean;
  sent(nonce: string): void;
  /** False for a nonce that was never sent or is long answered. */
  acked(nonce: string): boolean;
  rejected(nonce: string, reason: string): boolean;
  status(): SubscriptionStatus;
}

export function createSubscription(typeUrl: string, held: Readonly<Record<string, string>>): Subscription {
  const inFlight: string[] = [];
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
    held: new Map(Object.entries(held)),
    unknown: new Set(),
    owed: true,
    sent(nonce) {
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
    status() {
      const base = { typeUrl, state: state(), sentNonce, ackedNonce, held: this.held.size };
      return lastRejection ? { ...base, lastRejection } : base;
    },
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
