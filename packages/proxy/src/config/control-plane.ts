/** How this proxy reaches its control plane, by its settings: two services, each with its own roots, one token. */
import { rootCertificates } from 'node:tls';
import type { ControlPlaneAccess } from '@isthmus/sdk/runtime';
import type { ServiceHeaders } from './environment.js';
import { type RootSource, readRoots, readToken, type TokenSource } from './pem-source.js';
import { type TlsSettings, tlsPolicyOf } from './tls.js';

export interface ControlPlaneSettings extends TlsSettings {
  readonly clusterId: string;
  readonly authToken: TokenSource | undefined;
  readonly xdsRootCa: RootSource;
  readonly altXdsHostname: string | undefined;
  readonly xdsHeaders: ServiceHeaders;
  readonly caAddress: string;
  readonly caRootCa: RootSource;
  readonly altCaHostname: string | undefined;
  readonly caHeaders: ServiceHeaders;
}

/** `address` is that of the discovery service; a proxy that reads a local file instead has none. */
export function xdsAccess(address: string, settings: ControlPlaneSettings): ControlPlaneAccess {
  const { xdsRootCa, altXdsHostname, xdsHeaders } = settings;
  return { ...accessTo(xdsRootCa, settings), ...named(altXdsHostname), address, headers: xdsHeaders };
}

export function caAccess(settings: ControlPlaneSettings): ControlPlaneAccess {
  const { caAddress: address, caRootCa, altCaHostname, caHeaders } = settings;
  return { ...accessTo(caRootCa, settings), ...named(altCaHostname), address, headers: caHeaders };
}

/** Roots and token are read for each connection, so that renewed files need no restart. */
function accessTo(roots: RootSource, settings: ControlPlaneSettings) {
  const { authToken, clusterId } = settings;
  return {
    clusterId,
    tls: tlsPolicyOf(settings),
    roots: () => readRoots(roots) ?? rootCertificates.join('\n'),
    ...(authToken && { token: () => readToken(authToken) }),
  };
}

function named(alternateName: string | undefined) {
  return alternateName === undefined ? {} : { alternateName };
}
