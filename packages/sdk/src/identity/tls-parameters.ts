/**
 * What both ends of mTLS between workloads agree on: the versions, suites and groups of the policy of this process, and
 * for how long a session may be resumed.
 */
import type { SecureContextOptions } from 'node:tls';
import { DEFAULT_TLS_POLICY, type TlsPolicy, tlsOptions } from '../runtime/tls-policy.js';

/** How long after a full handshake its ticket may be redeemed; OpenSSL at the server counts it too. */
export const SESSION_LIFE_SECONDS = 300;

export function workloadTls(policy: TlsPolicy): Readonly<SecureContextOptions> {
  return {
    ...tlsOptions(policy),
    // Without it OpenSSL breaks off with any client that presents a ticket, because client certificates are asked for.
    sessionIdContext: 'isthmus',
    sessionTimeout: SESSION_LIFE_SECONDS,
  };
}

/** Where no policy is set: TLS 1.3, AES-GCM, a hybrid post-quantum group first where there is one. */
export const WORKLOAD_TLS: Readonly<SecureContextOptions> = workloadTls(DEFAULT_TLS_POLICY);
