/** The one place that knows the error codes of Node and OpenSSL: from them to faults an operator understands. */
import { Fault, type FaultCode } from '../../wire/faults.js';

const UNTRUSTED = 'its certificate does not lead to a root that we trust';
const NO_HTTP2 = 'it does not offer HTTP/2 (ALPN h2)';
const NO_CERTIFICATE = 'a client certificate is required and none was sent';

/** Codes of a failed TLS handshake or of an alert after it, with the half sentence about the peer that explains them. */
const TLS_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; compare the clocks',
  CERT_REVOKED: 'its certificate is revoked',
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  INVALID_CA: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  INVALID_PURPOSE: 'its certificate is not meant for this use (extended key usage)',
  ERR_SSL_NO_APPLICATION_PROTOCOL: NO_HTTP2,
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: NO_HTTP2,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: NO_CERTIFICATE,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: NO_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust the root of our certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it rejected our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'it says that our certificate has expired',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'it says that our certificate is revoked',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it rejected our certificate',
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: 'it rejected our certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'no common TLS parameters',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak TLS 1.3',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it does not speak TLS 1.3',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'it speaks plain HTTP, not TLS',
};

/** Codes of a TCP connection that did not come about. */
const CONNECT_CODES: Readonly<Record<string, FaultCode>> = {
  ETIMEDOUT: 'CONNECT_TIMEOUT',
  ECONNREFUSED: 'CONNECT_FAILED',
  ECONNRESET: 'CONNECT_FAILED',
  EHOSTUNREACH: 'CONNECT_FAILED',
  ENETUNREACH: 'CONNECT_FAILED',
  ENOTFOUND: 'CONNECT_FAILED',
};

/** The fault when the error is one of TLS; undefined for any other. */
export function faultOfTls(error: Error, peer: string): Fault | undefined {
  const code = codeOf(error);
  const reason = TLS_REASONS[code];
  if (reason) return new Fault('TLS_FAILURE', `TLS with ${peer} failed: ${reason} (${code})`, { cause: error });
  if (!code.startsWith('ERR_SSL_')) return undefined;
  return new Fault('TLS_FAILURE', `TLS with ${peer} failed (${code})`, { cause: error });
}

/** Any error before the handshake is through. */
export function faultOfHandshake(error: Error, peer: string): Fault {
  if (error instanceof Fault) return error;
  const message = `${peer} dropped the connection during the TLS handshake: ${error.message}`;
  return faultOfTls(error, peer) ?? new Fault('TLS_FAILURE', message, { cause: error });
}

/** Any error before TCP is connected. */
export function faultOfConnect(error: Error, peer: string): Fault {
  if (error instanceof Fault) return error;
  const code = CONNECT_CODES[codeOf(error)] ?? 'CONNECT_FAILED';
  return new Fault(code, `cannot connect to ${peer}: ${error.message}`, { cause: error });
}

function codeOf(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}
