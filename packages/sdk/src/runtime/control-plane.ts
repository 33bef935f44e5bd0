/**
 * How a proxy reaches its control plane, for discovery and for certificates. Everything that can rotate is a source that
 * is read again for each connection, so a renewed file needs no restart.
 */
import type { SecureContext } from 'node:tls';
import type { Client, Metadata } from '@grpc/grpc-js';
import { createGrpcClient, type GrpcTarget, grpcMetadata } from './grpc-client.js';
import type { TlsPolicy } from './tls-policy.js';

/** A text, or where to read it each time it is needed. */
export type TextSource = string | (() => string | Promise<string>);

/** How the control plane proves itself, and whether we show a certificate. */
export type ControlPlaneTrust =
  /** PEM certificates its chain must end at. */
  | { readonly roots: TextSource; readonly certificate?: never; readonly tls?: TlsPolicy }
  /** mTLS: certificate, key and roots in one context. */
  | { readonly certificate: () => Promise<{ readonly secureContext: SecureContext }>; readonly roots?: never };

export type ControlPlaneAccess = GrpcTarget &
  ControlPlaneTrust & {
    /** Sent as `authorization: Bearer`. White space around it is dropped: token files end in a newline. */
    readonly token?: TextSource;
    /** Sent as `clusterid`: the cluster that issued the token. */
    readonly clusterId?: string;
    /** Further headers (XDS_HEADER_*, CA_HEADER_*). */
    readonly headers?: Readonly<Record<string, string>>;
  };

export interface ControlPlaneConnection {
  /** The caller closes it. */
  readonly client: Client;
  readonly metadata: Metadata;
}

/** Reads all sources. Rejects with a plain error that names what could not be read or used. */
export async function connectControlPlane(access: ControlPlaneAccess): Promise<ControlPlaneConnection> {
  const security = access.certificate
    ? { secureContext: (await access.certificate()).secureContext }
    : { roots: await reading('root certificates', access.roots), ...(access.tls && { tls: access.tls }) };
  const token = access.token === undefined ? undefined : await reading('token', access.token);
  const metadata = grpcMetadata({
    ...access.headers,
    authorization: token === undefined ? undefined : bearer(token),
    clusterid: access.clusterId,
  });
  return { client: createGrpcClient(access, security), metadata };
}

async function reading(what: string, source: TextSource): Promise<string> {
  if (typeof source === 'string') return source;
  try {
    return await source();
  } catch (error) {
    throw new Error(`cannot read the ${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function bearer(token: string): string {
  const trimmed = token.trim();
  if (trimmed === '') throw new Error('the token is empty');
  return `Bearer ${trimmed}`;
}
