/**
 * The CA of a control plane with what it knows of itself: the files in force, the trust bundles that proxies are told, and
 * a ledger of what was issued.
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import {
  type CaStore,
  createCaStore,
  createIssuer,
  createLedger,
  createTrustFeed,
  type Issuer,
  type RootStatus,
  readRoots,
  rootStatuses,
  type TrustFeed,
  type TrustFollower,
} from './ca/index.js';
import { paceOf, type Settings } from './config.js';
import { type FollowPace, followFile } from './files/index.js';

export interface Authority {
  readonly store: CaStore;
  readonly issuer: Issuer;
  readonly feed: TrustFeed;
  status(followers: readonly TrustFollower[]): AuthorityStatus;
}

export interface AuthorityStatus {
  /** Of the signing certificate. */
  readonly subject: string;
  readonly notAfter: Date;
  /** Why the files as they are now are not in force. */
  readonly problem: string | undefined;
  readonly roots: readonly RootStatus[];
  /** Since when certificates are counted, milliseconds since the epoch. */
  readonly countedSince: number;
  /** Proxies that follow the trust bundles. */
  readonly followers: number;
  /** How many roots count for which trust domain. */
  readonly trust: readonly { readonly trustDomain: string; readonly roots: number }[];
}

export interface AuthorityInit {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Rejects when the files of the CA, or of a trust bundle, cannot be used. */
export async function createAuthority(scope: Scope, settings: Settings, init: AuthorityInit): Promise<Authority> {
  const { trustDomain, ca } = settings;
  const { clock } = init;
  const watching = { ...init, ...paceOf(settings) };
  const store = await createCaStore(scope, { ...watching, directory: ca.directory });
  const feed = createTrustFeed({ trustDomain, store });
  await followBundles(scope, settings, { ...watching, feed });
  const ledger = createLedger(() => clock.now());
  const issuer = createIssuer({
    material: () => store.current,
    ledger,
    now: () => clock.now(),
    defaultTtlMs: ca.workloadCertTtl,
    maxTtlMs: ca.maxWorkloadCertTtl,
  });
  return {
    store,
    issuer,
    feed,
    status: (followers) => ({
      subject: store.current.certificate.subject,
      notAfter: store.current.certificate.notAfter,
      problem: store.problem,
      roots: rootStatuses({ material: store.current, trustDomain, followers, ledger }),
      countedSince: ledger.since,
      followers: followers.length,
      trust: [...feed.current].map(([domain, pems]) => ({ trustDomain: domain, roots: pems.length })),
    }),
  };
}

interface BundlesInit extends AuthorityInit, Omit<FollowPace, 'clock'> {
  readonly feed: TrustFeed;
}

/** Those that the settings name. */
async function followBundles(
  scope: Scope,
  { trustBundles }: Settings,
  { feed, ...watching }: BundlesInit,
): Promise<void> {
  const followed = await Promise.all(
    trustBundles.map(async ({ trustDomain, file }) => {
      const what = `roots of ${trustDomain}`;
      const bundle = await followFile(scope, { ...watching, path: file, what, read: readRoots });
      return { trustDomain, bundle };
    }),
  );
  const tell = () =>
    feed.setForeign(
      'settings',
      followed.map(({ trustDomain, bundle }) => ({ trustDomain, roots: bundle.current })),
    );
  for (const { bundle } of followed) bundle.onReplaced(tell);
  tell();
}
