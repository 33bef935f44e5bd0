/**
 * Rotation of a root in three steps, each of which leaves every certificate that may live verifiable:
 *
 *   add     the new root joins `root-cert.pem`: everybody comes to trust both
 *   switch  what signs is replaced by a CA below the new root
 *   drop    the old root leaves `root-cert.pem`
 *
 * When each may follow is decided here, of what is on record. Pure.
 */

/** `rotation.json` beside the files of the CA; by SHA-256 of the root. Times are ISO 8601. */
export interface RotationRecord {
  readonly roots: Readonly<Record<string, RootRecord>>;
}

export interface RootRecord {
  /** Into `root-cert.pem`. */
  readonly addedAt?: string;
  /** Since then nothing is signed below it here. */
  readonly leftAt?: string;
}

export interface RotationState {
  /** SHA-256 of the roots in `root-cert.pem`. */
  readonly roots: readonly string[];
  /** The one that the signing certificate leads to. */
  readonly anchor: string;
  readonly record: RotationRecord;
}

export interface StepInit {
  readonly root: string;
  /** The longest that a certificate may live. */
  readonly longestLifeMs: number;
  readonly now: number;
}

export type Verdict =
  | { readonly kind: 'go' }
  /** It would break the mesh, or make no sense. */
  | { readonly kind: 'never'; readonly reason: string }
  /** It may break connections; `--force` does it all the same. */
  | { readonly kind: 'early'; readonly reason: string };

const GO: Verdict = { kind: 'go' };

export function judgeAdd({ roots }: RotationState, { root }: Pick<StepInit, 'root'>): Verdict {
  return roots.includes(root) ? never(`root ${brief(root)} is in root-cert.pem already`) : GO;
}

/** Proxies that learn of roots with their certificate only (ztunnel) do not trust the new one before they have renewed. */
export function judgeSwitch({ roots, record }: RotationState, { root, longestLifeMs, now }: StepInit): Verdict {
  if (!roots.includes(root))
    return never(`root ${brief(root)} is not in root-cert.pem, so nobody trusts it; "cacerts add-root" first`);
  const { addedAt } = record.roots[root] ?? {};
  if (addedAt === undefined) return GO;
  const trusted = Date.parse(addedAt) + longestLifeMs;
  if (trusted <= now) return GO;
  return early(
    `root ${brief(root)} was added at ${addedAt}; proxies that learn of roots with their certificate may not trust it before ${iso(trusted)}`,
  );
}

export function judgeDrop({ roots, anchor, record }: RotationState, { root, longestLifeMs, now }: StepInit): Verdict {
  if (!roots.includes(root)) return never(`root ${brief(root)} is not in root-cert.pem`);
  if (root === anchor)
    return never(`ca-cert.pem leads to root ${brief(root)}; "cacerts switch" to a CA below another root first`);
  const known = record.roots[root];
  if (!known) return early(`it is not on record when anything was signed below root ${brief(root)} last`);
  // It was added and never used.
  if (known.leftAt === undefined) return GO;
  const ended = Date.parse(known.leftAt) + longestLifeMs;
  if (ended <= now) return GO;
  return early(
    `until ${known.leftAt} certificates were signed below root ${brief(root)}; they may live until ${iso(ended)}`,
  );
}

/** As `cacerts show` and the status page print it. */
export function brief(fingerprint: string): string {
  return fingerprint.slice(0, 16);
}

function never(reason: string): Verdict {
  return { kind: 'never', reason };
}

function early(reason: string): Verdict {
  return { kind: 'early', reason };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
