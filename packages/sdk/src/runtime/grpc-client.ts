/**
 * gRPC clients of the control plane, discovery and certificates alike: TLS with verified names, HTTP/2 pings, and no
 * retries, proxies or service configs from the environment, so that what is configured is what happens.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { DEFAULT_TLS_POLICY, type TlsPolicy, tlsOptions } from './tls-policy.js';

export interface GrpcTarget {
  /** `host:port` or `https://host:port`; IPv6 in brackets. */
  readonly address: string;
  /** Another name the server may prove, besides the host of `address` (Istio's ALT_XDS_HOSTNAME, ALT_CA_HOSTNAME). */
  readonly alternateName?: string;
  /** Judges a server whose chain was verified, instead of its names being held against `address`. */
  readonly checkServer?: (certificate: PeerCertificate) => Error | undefined;
}

/** How the server is verified, and who we are to it. */
export type GrpcSecurity =
  /** The server's chain ends at one of these roots (PEM); we show no certificate. */
  | { readonly roots: string; readonly tls?: TlsPolicy }
  /** Roots, certificate and key as they are in the context. */
  | { readonly secureContext: SecureContext };

/** Everything a proxy is allowed to know fits (ztunnel's figure). */
const MAX_RECEIVED_BYTES = 200 * 1024 * 1024;

/** Opens no connection before the first call. Throws a TypeError that says what is wrong with the address. */
export function createGrpcClient(target: GrpcTarget, security: GrpcSecurity): Client {
  const { host, port } = parseAddress(target.address);
  const names = [host, ...(target.alternateName ? [target.alternateName] : [])];
  const secureContext = 'secureContext' in security ? security.secureContext : rootsOnly(security.roots, security.tls);
  const channelCredentials = credentials.createFromSecureContext(secureContext, {
    checkServerIdentity: (_host, certificate) => {
      if (target.checkServer) return target.checkServer(certificate);
      const failures = names.map((name) => checkServerIdentity(name, certificate));
      return failures.includes(undefined) ? undefined : failures[0];
    },
  });
  return new Client(isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`, channelCredentials, {
    ...serverNameOption(host, target.alternateName),
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_receive_message_length': MAX_RECEIVED_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // Clients of the same address must not share a connection: each was verified against its own roots.
    'grpc.use_local_subchannel_pool': 1,
  });
}

/** What grpc-js puts around the reason of a connection that failed. */
const WRAPPED = /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note: .*$/s;
const NOT_BELOW_ROOTS = /unable to (?:get (?:local )?issuer|verify the first) certificate|self-signed certificate/;

/** Why a call failed, by its status details: the reason alone, with the remedy where OpenSSL's words name none. */
export function failureOf(details: string): string {
  const reason = WRAPPED.exec(details)?.[1] ?? details;
  if (!NOT_BELOW_ROOTS.test(reason)) return reason;
  return `${reason}: its certificate is not below the roots it is verified by; they have to be those of that control plane`;
}

/** The headers of a call. A header whose value is undefined is left out. */
export function grpcMetadata(headers: Readonly<Record<string, string | undefined>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) metadata.set(name, value);
  }
  return metadata;
}

function rootsOnly(roots: string, tls: TlsPolicy = DEFAULT_TLS_POLICY): SecureContext {
  // OpenSSL takes text without any certificate for "no roots at all", which fails later and says less.
  if (!roots.includes('-----BEGIN CERTIFICATE-----'))
    throw new TypeError('the root certificates hold no PEM certificate');
  return createSecureContext({ ca: roots, ...tlsOptions(tls) });
}

function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:https:\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})\/?$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port > 0 && port < 65536)) {
    throw new TypeError(`"${address}" is not the address of a gRPC server: it must be [https://]host:port`);
  }
  return { host, port };
}

/**
 * RFC 6066 section 3 allows no IP address as server name, and Node warns about one on standard error, but grpc-js sends
 * the host unless it is given another name. Verification does not look at it.
 */
function serverNameOption(host: string, alternateName: string | undefined) {
  if (isIP(host) === 0) return {};
  return { 'grpc.ssl_target_name_override': alternateName ?? 'istiod.istio-system.svc' };
}
