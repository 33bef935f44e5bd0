/** What one subscriber holds of one resource type, and how far it has acknowledged. */
import type { EncodedResource, EncodedResources } from './encode.js';
import { createHoldings, type Holdings } from './holdings.js';

/** Responses on their way; an acknowledgement of an older one tells nothing new. */
const MAX_IN_FLIGHT = 256;
/** Names one subscriber may ask for and keep asking for, of one type; a node has far fewer destinations. */
export const MAX_WANTED_NAMES = 100_000;

export interface SubscriptionStatus {
  readonly typeUrl: string;
  readonly mode: 'wildcard' | 'on-demand';
  readonly state: 'not sent' | 'synced' | 'stale' | 'rejected';
  readonly sentNonce: string;
  readonly ackedNonce: string;
  readonly held: number;
  /** Of the last response that was refused, until a later one is accepted. */
  readonly lastRejection?: { readonly nonce: string; readonly reason: string };
}

export interface Subscription {
  readonly typeUrl: string;
  /** The names it is limited to, as the subscriber says them, aliases among them; undefined: all there is. */
  readonly wanted: ReadonlySet<string> | undefined;
  /** Versions last sent; what a refused response carried counts as sent until its content changes. */
  readonly held: Pick<Holdings, 'version' | 'names'>;
  /** Names asked for since they were last answered; each is owed a resource or a removal. */
  readonly asked: ReadonlySet<string>;
  /** Version of the newest view that it was sent all of; undefined before the first. */
  readonly reached: number | undefined;
  /** An answer is due even if there is nothing to say: ztunnel is not ready before. */
  readonly owed: boolean;
  /** The subscriber wants these, or has lost them. False, with nothing changed, when they are too many. */
  ask(names: readonly string[]): boolean;
  /** The subscriber wants these no longer, and drops them by itself. */
  forget(names: readonly string[]): void;
  /** Everything of that view was sent; `all`, when that is what was compared and hence all that it holds. */
  reach(viewVersion: number, all?: EncodedResources): void;
  sent(nonce: string, changed: readonly EncodedResource[], removed: readonly string[]): void;
  /** False for a nonce that was never sent or is long answered. */
  acked(nonce: string): boolean;
  rejected(nonce: string, reason: string): boolean;
  status(): SubscriptionStatus;
}

export interface SubscriptionInit {
  readonly typeUrl: string;
  /** Versions by name, as the subscriber reports what it holds. */
  readonly initial: Readonly<Record<string, string>>;
  /** Undefined for a wildcard. */
  readonly wanted?: Iterable<string>;
}

export function createSubscription({ typeUrl, initial, wanted }: SubscriptionInit): Subscription {
  // ztunnel lists what it waits for with an empty version.
  const held = createHoldings(Object.entries(initial).filter(([, version]) => version !== ''));
  const names = wanted && new Set(wanted);
  const asked = new Set([...(names ?? [])].filter((name) => held.version(name) === undefined));
  const inFlight: string[] = [];
  let owed = true;
  let reached: number | undefined;
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
    wanted: names,
    held,
    asked,
    get owed() {
      return owed;
    },
    get reached() {
      return reached;
    },
    reach(viewVersion, all) {
      reached = viewVersion;
      if (all) held.settle(all);
    },
    ask(more) {
      if ((names ?? asked).size + more.length > MAX_WANTED_NAMES) return false;
      owed = true;
      for (const name of more) {
        names?.add(name);
        asked.add(name);
      }
      held.remove(more);
      return true;
    },
    forget(dropped) {
      if (!names) return;
      for (const name of dropped) {
        names.delete(name);
        asked.delete(name);
      }
      held.remove(dropped);
    },
    sent(nonce, changed, removed) {
      owed = false;
      held.add(changed);
      held.remove(removed);
      if (asked.size > 0) {
        for (const { name } of changed) asked.delete(name);
        for (const name of removed) asked.delete(name);
      }
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
      mode: names ? 'on-demand' : 'wildcard',
      state: state(),
      sentNonce,
      ackedNonce,
      held: held.size,
      ...(lastRejection && { lastRejection }),
    }),
  };
}
