/**
 * What certificates of ours may still live: below which root, and whether whoever holds them was told of another. Counted
 * since this process began; of what was issued before, by it or by another replica, it knows nothing.
 *
 * Bounds: hours of the longest life a certificate may have (2160 at 90 days), for each pair of a signing root and a set of
 * roots that were told, of which there are as many as rotations within that time.
 */
const HOUR_MS = 3_600_000;

export interface IssuedCertificate {
  /** SHA-256 of the root it leads to. */
  readonly root: string;
  /** SHA-256 of the roots that were sent with it. */
  readonly told: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

export interface RootLedger {
  /** Certificates below it that have not expired; renewed ones count until they do. */
  readonly issued: number;
  /** When the last of them has; undefined without any. Up to an hour late. */
  readonly until: number | undefined;
  /** When the last certificate ends whose holder was not told of this root; undefined without any. */
  readonly untoldUntil: number | undefined;
}

export interface Ledger {
  /** Milliseconds since the epoch. */
  readonly since: number;
  record(certificate: IssuedCertificate): void;
  of(root: string): RootLedger;
}

interface Page {
  readonly root: string;
  readonly told: readonly string[];
  /** By the hour in which they end. */
  readonly ends: Map<number, number>;
}

export function createLedger(now: () => number): Ledger {
  const pages = new Map<string, Page>();

  function livingPages(): readonly Page[] {
    const hour = Math.floor(now() / HOUR_MS);
    for (const [key, { ends }] of pages) {
      for (const end of ends.keys()) if (end < hour) ends.delete(end);
      if (ends.size === 0) pages.delete(key);
    }
    return [...pages.values()];
  }

  return {
    since: now(),
    record({ root, told, notAfter }) {
      const key = [root, ...told].join();
      const page = pages.get(key) ?? { root, told, ends: new Map() };
      pages.set(key, page);
      const hour = Math.floor(notAfter / HOUR_MS);
      page.ends.set(hour, (page.ends.get(hour) ?? 0) + 1);
    },
    of(root) {
      const living = livingPages();
      const below = living.filter((page) => page.root === root);
      const untold = living.filter((page) => !page.told.includes(root));
      const issued = below.flatMap(({ ends }) => [...ends.values()]).reduce((sum, count) => sum + count, 0);
      return { issued, until: lastEnd(below), untoldUntil: lastEnd(untold) };
    },
  };
}

function lastEnd(pages: readonly Page[]): number | undefined {
  const hours = pages.flatMap(({ ends }) => [...ends.keys()]);
  return hours.length === 0 ? undefined : (Math.max(...hours) + 1) * HOUR_MS;
}
