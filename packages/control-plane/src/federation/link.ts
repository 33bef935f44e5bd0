/**
 * What one peer exports, kept in step: a discovery client of its control plane whose store is a cluster's model. While
 * the peer is away, what it last said stays; when the link is closed, the cluster is gone.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { createDiscoveryClient, createStore, type DiscoveryStatus } from '@isthmus/sdk/discovery';
import { splitPem } from '@isthmus/sdk/identity';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { discoveryPb } from '@isthmus/sdk/wire';
import type { ClusterModel } from '../model/index.js';
import { checkIdentity, controlPlaneIdentity } from './identity.js';
import { createImports } from './imports.js';
import { CHAIN_HEADER } from './receivers.js';
import type { Peer } from './records.js';

export interface LinkInit {
  readonly peer: Peer;
  /** The own cluster's id. */
  readonly cluster: string;
  /** The own certificate with its chain, and its key; read for each connection. */
  readonly certificate: () => { readonly cert: string; readonly key: string };
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: () => void;
}

export interface LinkStatus {
  /** `live`: what it exports is in force and kept up; `stale`: it is away, and what it last exported stays in force. */
  readonly state: 'connecting' | 'live' | 'stale';
  /** Milliseconds since the epoch: when it was reached, or lost. */
  readonly since: number;
  readonly lastEnd?: string;
  readonly services: number;
  readonly workloads: number;
  readonly gateways: number;
  readonly problems: readonly string[];
}

export interface Link {
  readonly peer: Peer;
  /** Undefined before everything was received once. */
  readonly model: ClusterModel | undefined;
  /** Resolves when it was; rejects when the link is closed before. */
  readonly synced: Promise<void>;
  status(): LinkStatus;
}

export function createLink(scope: Scope, { peer, cluster, certificate, clock, log, onChange }: LinkInit): Link {
  const imports = createImports(peer);
  const expected = controlPlaneIdentity(peer.trustDomain, peer.cluster);
  let isSynced = false;
  const client = createDiscoveryClient(scope, {
    address: peer.address,
    checkServer: (shown) => checkIdentity(expected, shown),
    certificate: async () => ({
      secureContext: createSecureContext({ ...certificate(), ca: peer.roots, minVersion: 'TLSv1.3' }),
    }),
    // Read for each connection, as the certificate is.
    get headers() {
      return { [CHAIN_HEADER]: chainOf(certificate().cert) };
    },
    node: create(discoveryPb.NodeSchema, { id: `peer~~${cluster}~` }),
    store: createStore(),
    onSnapshot: (_snapshot, batch) => {
      imports.apply(batch);
      if (isSynced) onChange();
    },
    clock,
    log: log.child({ peer: peer.cluster }),
  });
  const synced = client.ready.then(() => {
    isSynced = true;
    onChange();
  });
  // Nobody has to wait for it.
  synced.catch(() => {});

  return {
    peer,
    get model() {
      return isSynced ? imports.model() : undefined;
    },
    synced,
    status: () => ({ ...stateOf(client.status(), isSynced), ...imports.records, problems: imports.problems }),
  };
}

function stateOf(
  { connected, since, lastEnd }: DiscoveryStatus,
  isSynced: boolean,
): Pick<LinkStatus, 'state' | 'since' | 'lastEnd'> {
  const state = isSynced ? (connected ? 'live' : 'stale') : 'connecting';
  return { state, since, ...(lastEnd && !connected ? { lastEnd: lastEnd.detail } : {}) };
}

/** What follows the leaf. */
function chainOf(cert: string): string {
  const [, ...intermediates] = splitPem(cert);
  return intermediates.map((pem) => new X509Certificate(pem).raw.toString('base64')).join(',');
}
