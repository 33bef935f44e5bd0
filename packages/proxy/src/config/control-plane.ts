/** How this proxy reaches its control plane, by its settings: two services, each with its own roots, one token. */
import { rootCertificates } from 'node:tls';
import type { ControlPlaneAccess } from '@isthmus/sdk/runtime';
import { type RootSource, readRoots, readToken, type TokenSource } from './pem-source.js';

export interface ControlPlaneSettings {
  readonly clusterId: string;
  readonly authToken: TokenSource | undefined;
}

/** Roots and token are read for each connection, so that renewed files need no restart. */
export function accessTo(address: string, roots: RootSource, settings: ControlPlaneSettings): ControlPlaneAccess {
  const { authToken, clusterId } = settings;
  return {
    address,
    clusterId,
    roots: () => readRoots(roots) ?? rootCertificates.join('\n'),
    ...(authToken && { token: () => readToken(authToken) }),
  };
}
