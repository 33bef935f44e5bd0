/**
 * THE fault table: everything that can go wrong with a connection, what the peer sees and what an operator reads.
 * Status codes and flags are ztunnel's where ztunnel has the case; L7 flags are Envoy's.
 */

export interface FaultRow {
  /** Status of the CONNECT response when this proxy refuses for this reason. */
  readonly status: 400 | 401 | 403 | 404 | 431 | 503;
  /** `response_flags` of L4 metrics (ztunnel's vocabulary). */
  readonly flag:
    | 'DENY'
    | 'CONNECT'
    | 'TLS_FAILURE'
    | 'H2_HANDSHAKE_FAILURE'
    | 'NETWORK_POLICY'
    | 'IDENTITY_ERROR'
    | 'CERT_REVOKED';
  /** `response_flags` of L7 metrics (Envoy's vocabulary). */
  readonly httpFlag: 'UH' | 'UF' | 'NR' | 'UC' | 'UR' | 'UO' | 'OM' | 'UPE' | 'UAEX' | 'DPE' | 'DC';
  /** Who has to act. */
  readonly origin: 'user' | 'peer' | 'network' | 'local';
  /** What an operator should look at next. */
  readonly hint: string;
}

// biome-ignore format: a table reads as one row per fault
export const FAULTS = {
  METHOD_NOT_CONNECT: { status: 400, flag: 'CONNECT', httpFlag: 'DPE', origin: 'peer', hint: 'Only CONNECT is served on the HBONE port; is something else than a mesh proxy dialling it?' },
  BAD_AUTHORITY: { status: 400, flag: 'CONNECT', httpFlag: 'DPE', origin: 'peer', hint: ':authority must be host:port, ip:port or [ipv6]:port.' },
  AUTHORITY_NOT_LOCAL: { status: 400, flag: 'CONNECT', httpFlag: 'NR', origin: 'peer', hint: 'The peer asked for an address this workload does not own; its view of the mesh may be stale.' },
  UNKNOWN_DESTINATION: { status: 503, flag: 'CONNECT', httpFlag: 'NR', origin: 'user', hint: 'No service or workload of that name is known here; check the name, its namespace and its scope.' },
  UNKNOWN_PORT: { status: 503, flag: 'CONNECT', httpFlag: 'NR', origin: 'user', hint: 'The service exists but does not list that port, or its target port cannot be resolved.' },
  RECURSIVE_CALL: { status: 503, flag: 'CONNECT', httpFlag: 'NR', origin: 'user', hint: 'The destination port belongs to the proxy itself.' },
  NOT_EXPORTED: { status: 404, flag: 'CONNECT', httpFlag: 'NR', origin: 'user', hint: 'The service is local to its cluster; label it istio.io/global=true to export it.' },
  UNKNOWN_WAYPOINT: { status: 503, flag: 'CONNECT', httpFlag: 'NR', origin: 'user', hint: 'The destination is bound to a waypoint that is not known; traffic never goes around a waypoint.' },
  NO_HEALTHY_UPSTREAM: { status: 503, flag: 'CONNECT', httpFlag: 'UH', origin: 'network', hint: 'No endpoint can be used; see the candidates and the reason each was passed over.' },
  NO_GATEWAY: { status: 503, flag: 'CONNECT', httpFlag: 'UH', origin: 'network', hint: 'The endpoint is on another network and no east-west gateway leads there.' },
  POLICY_DENY: { status: 401, flag: 'DENY', httpFlag: 'UAEX', origin: 'user', hint: 'An AuthorizationPolicy denies this connection; the reason names it.' },
  CONNECT_FAILED: { status: 503, flag: 'CONNECT', httpFlag: 'UF', origin: 'network', hint: 'The next hop refused or dropped the connection; is it running?' },
  CONNECT_TIMEOUT: { status: 503, flag: 'NETWORK_POLICY', httpFlag: 'UF', origin: 'network', hint: 'The next hop did not answer; a NetworkPolicy or firewall may block the HBONE port 15008.' },
  TLS_FAILURE: { status: 503, flag: 'TLS_FAILURE', httpFlag: 'UF', origin: 'peer', hint: 'mTLS with the peer failed; compare trust domains, roots and expected identities.' },
  IDENTITY_MISMATCH: { status: 503, flag: 'TLS_FAILURE', httpFlag: 'UF', origin: 'peer', hint: 'The peer proved an identity that is not the expected one; nothing was sent to it.' },
  IDENTITY_UNAVAILABLE: { status: 503, flag: 'IDENTITY_ERROR', httpFlag: 'UF', origin: 'local', hint: 'No certificate for the local workload; check CA_ADDRESS, the token and the control plane log.' },
  CERT_REVOKED: { status: 503, flag: 'CERT_REVOKED', httpFlag: 'UF', origin: 'peer', hint: "The peer's certificate, or one above it, is on a revocation list of CRL_PATH; it needs a new one." },
  H2_HANDSHAKE_FAILURE: { status: 503, flag: 'H2_HANDSHAKE_FAILURE', httpFlag: 'UF', origin: 'peer', hint: 'The peer accepted TLS but does not speak HTTP/2 as expected.' },
  TUNNEL_REFUSED: { status: 503, flag: 'CONNECT', httpFlag: 'UF', origin: 'peer', hint: 'The next hop answered CONNECT with another status than 200; its access log has the reason.' },
  TUNNEL_LOST: { status: 503, flag: 'CONNECT', httpFlag: 'UC', origin: 'network', hint: 'The tunnel ended while the connection was in use.' },
  UPSTREAM_RESET: { status: 503, flag: 'CONNECT', httpFlag: 'UR', origin: 'peer', hint: 'The application reset the request; its own log has the reason.' },
  UPSTREAM_PROTOCOL_ERROR: { status: 503, flag: 'CONNECT', httpFlag: 'UPE', origin: 'peer', hint: 'The application does not speak the HTTP version its service port declares; check appProtocol.' },
  UPSTREAM_OVERFLOW: { status: 503, flag: 'CONNECT', httpFlag: 'UO', origin: 'local', hint: 'A bound of this proxy was reached; the reason names it, docs/limits.md lists them.' },
  DOWNSTREAM_OVERFLOW: { status: 503, flag: 'CONNECT', httpFlag: 'OM', origin: 'local', hint: 'As many clients are connected to this proxy as it takes (docs/limits.md); spread them over more of it: --workers, or another instance.' },
  MALFORMED_REQUEST: { status: 400, flag: 'CONNECT', httpFlag: 'DPE', origin: 'user', hint: 'The client sent something that is not valid HTTP, or a head over the limits.' },
  CLIENT_GONE: { status: 503, flag: 'CONNECT', httpFlag: 'DC', origin: 'user', hint: 'The client closed before its answer was complete.' },
  LOCAL_WORKLOAD_UNKNOWN: { status: 503, flag: 'CONNECT', httpFlag: 'NR', origin: 'local', hint: 'The control plane has not sent the record of the local workload; check its name, node and namespace.' },
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof FAULTS;

/** A fault with its story. `message` says what happened with names and addresses; the table says what to do. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get row(): FaultRow {
    return FAULTS[this.code];
  }
}
