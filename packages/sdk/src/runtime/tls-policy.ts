/**
 * Which versions, cipher suites and groups TLS of this process may use, between workloads and to the control plane:
 * ztunnel's TLS12_ENABLED and COMPLIANCE_POLICY with what Node's OpenSSL has. Pure, but for asking OpenSSL once what it knows.
 *
 * A policy takes away, it never adds: what the OpenSSL in use lacks is said by `lackOf`, not worked around.
 */
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Istio's names. Both take effect on top of the suites and versions below. */
export const COMPLIANCE = ['fips-140-2', 'pqc'] as const;
export type Compliance = (typeof COMPLIANCE)[number];

export interface TlsPolicy {
  /** TLS 1.2 as well as 1.3: istiod itself speaks nothing newer under COMPLIANCE_POLICY=fips-140-2. */
  readonly tls12: boolean;
  readonly compliance: Compliance | undefined;
}

export const DEFAULT_TLS_POLICY: TlsPolicy = { tls12: false, compliance: undefined };

/** ztunnel's suites, in its order. */
const TLS13_SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'];
const TLS12_SUITES = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
];

/** Of OpenSSL 3.5 and later. */
const HYBRID_GROUP = 'X25519MLKEM768';
const GROUPS: Readonly<Record<Compliance | 'none', readonly string[]>> = {
  none: [HYBRID_GROUP, 'X25519', 'P-256', 'P-384'],
  // SP 800-56A has no X25519; ztunnel's OpenSSL build offers the same two.
  'fips-140-2': ['P-256', 'P-384'],
  pqc: [HYBRID_GROUP],
};

/** For `createSecureContext`. With a policy that `lackOf` has a reason against, OpenSSL refuses it. */
export function tlsOptions({ tls12, compliance }: TlsPolicy): Readonly<SecureContextOptions> {
  const groups = GROUPS[compliance ?? 'none'];
  const usable = compliance === undefined ? groups.filter(hasGroup) : groups;
  return {
    minVersion: tls12 ? 'TLSv1.2' : 'TLSv1.3',
    ciphers: [...TLS13_SUITES, ...(tls12 ? TLS12_SUITES : [])].join(':'),
    ecdhCurve: usable.join(':'),
    // HTTP/2 forbids it (RFC 9113 section 9.2.1), and a peer could become another one by it. TLS 1.3 has none.
    ...(tls12 && { secureOptions: constants.SSL_OP_NO_RENEGOTIATION }),
  };
}

/** Why the policy cannot be kept here; undefined when it can. */
export function lackOf({ tls12, compliance }: TlsPolicy): string | undefined {
  if (compliance === 'pqc' && tls12) return `${HYBRID_GROUP} is a group of TLS 1.3 alone, so TLS 1.2 cannot be allowed`;
  const missing = GROUPS[compliance ?? 'none'].filter((group) => !hasGroup(group));
  if (compliance === undefined || missing.length === 0) return undefined;
  const { node, openssl } = process.versions;
  const remedy = missing.includes(HYBRID_GROUP)
    ? '; it takes OpenSSL 3.5, which Node 24 and the single executable have'
    : '';
  return `OpenSSL ${openssl} of Node ${node} does not know ${missing.join(' nor ')}${remedy}`;
}

/** What OpenSSL knows does not change, and asking takes longer than making a certificate's context. */
const known = new Map<string, boolean>();

function hasGroup(name: string): boolean {
  const has = known.get(name) ?? askForGroup(name);
  known.set(name, has);
  return has;
}

function askForGroup(name: string): boolean {
  try {
    createSecureContext({ ecdhCurve: name });
    return true;
  } catch {
    // OpenSSL's error stays queued and would be taken for that of whichever key is read next; success clears it.
    createSecureContext();
    return false;
  }
}
