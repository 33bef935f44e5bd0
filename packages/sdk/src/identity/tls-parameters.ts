/**
 * What both ends of mTLS between workloads agree on: TLS 1.3, AES-GCM, and a hybrid post-quantum key exchange where the
 * OpenSSL that Node was built with has it (3.5 and later).
 */
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** ztunnel's suites, in its order. */
const CIPHERS = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';
const CLASSIC_GROUPS = ['X25519', 'P-256', 'P-384'];
const HYBRID_GROUP = 'X25519MLKEM768';

/** How long after a full handshake its ticket may be redeemed; OpenSSL at the server counts it too. */
export const SESSION_LIFE_SECONDS = 300;

export const WORKLOAD_TLS: Readonly<SecureContextOptions> = {
  minVersion: 'TLSv1.3',
  // Without it OpenSSL breaks off with any client that presents a ticket, because client certificates are asked for.
  sessionIdContext: 'isthmus',
  sessionTimeout: SESSION_LIFE_SECONDS,
  ciphers: CIPHERS,
  ecdhCurve: [...(hasGroup(HYBRID_GROUP) ? [HYBRID_GROUP] : []), ...CLASSIC_GROUPS].join(':'),
};

function hasGroup(name: string): boolean {
  try {
    createSecureContext({ ecdhCurve: name });
    return true;
  } catch {
    // OpenSSL's error stays queued and would be taken for that of whichever key is read next; success clears it.
    createSecureContext();
    return false;
  }
}
