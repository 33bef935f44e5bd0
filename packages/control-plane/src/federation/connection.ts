/**
 * One try at all that a peer exports: a discovery client of its control plane whose store is a cluster's model. It is
 * whole when the answer about policies has come, of which there are none: the session sends it after the last address.
 * What the peer says afterwards is taken in as differences, across losses of the stream too.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { createDiscoveryClient, createStore, type DiscoveryStatus, type Snapshot } from '@isthmus/sdk/discovery';
import { splitPem } from '@isthmus/sdk/identity';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { discoveryPb } from '@isthmus/sdk/wire';
import type { FederationEvent } from './events.js';
import { checkIdentity, controlPlaneIdentity } from './identity.js';
import { createImports, type Imports } from './imports.js';
import { CHAIN_HEADER } from './receivers.js';
import type { Peer } from './records.js';

/** Of the records that cannot be read, as many are logged. */
const MAX_NAMED = 20;
/**
 * Of all that a peer exports, and of its changes from then on: beyond that it is to be read anew, because what it sent may
 * be held as well. Ten thousand services are some 5 MiB.
 */
export const MAX_SYNC_BYTES = 64 * 1024 * 1024;

export interface ConnectionInit {
  /** As it is now; its roots count for each connection. */
  readonly peer: () => Peer;
  /** The own cluster's id. */
  readonly cluster: string;
  /** The own certificate with its chain, and its key; read for each connection. */
  readonly certificate: () => { readonly cert: string; readonly key: string };
  /** What was saved is in force by then; who cannot be reached is told of as what it is, known or not. */
  readonly after: Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observe: (event: FederationEvent) => void;
  /** Default MAX_SYNC_BYTES. */
  readonly maxBytes?: number;
}

/** Must not throw. */
export interface ConnectionListener {
  /** Everything was received once. */
  whole(): void;
  /** What is exported changed, after that. */
  changed(): void;
  reached(): void;
  /** A stream ended, or could not be opened; which, and why, the status says. */
  ended(): void;
  /** It has sent MAX_SYNC_BYTES, of all it exports or of changes. */
  overfull(): void;
}

export interface Connection {
  readonly imports: Imports;
  readonly records: Snapshot;
  status(): DiscoveryStatus;
}

export function openConnection(scope: Scope, init: ConnectionInit, listener: ConnectionListener): Connection {
  const { peer, cluster, certificate, after, clock, log, observe, maxBytes = MAX_SYNC_BYTES } = init;
  const { cluster: id, trustDomain, address } = peer();
  const imports = createImports(peer(), (reason) => observe({ kind: 'rejected', peer: id, reason, count: 1 }));
  const expected = controlPlaneIdentity(trustDomain, id);
  const store = createStore();
  let isWhole = false;
  let receivedBytes = 0;
  const client = createDiscoveryClient(scope, {
    address,
    checkServer: (shown) => checkIdentity(expected, shown),
    certificate: async () => {
      await after;
      return { secureContext: createSecureContext({ ...certificate(), ca: peer().roots, minVersion: 'TLSv1.3' }) };
    },
    // Read for each connection, as the certificate is.
    get headers() {
      return { [CHAIN_HEADER]: chainOf(certificate().cert) };
    },
    node: create(discoveryPb.NodeSchema, { id: `peer~~${cluster}~` }),
    store,
    onSnapshot: (_snapshot, batch) => {
      imports.apply(batch);
      if (isWhole) listener.changed();
    },
    observer: {
      connected: (isConnected) => isConnected && listener.reached(),
      terminated: () => listener.ended(),
      received: (_typeUrl, bytes, characters) => {
        observe({ kind: 'received', peer: id, bytes });
        receivedBytes += bytes + characters;
        if (receivedBytes > maxBytes) listener.overfull();
      },
      refused: (_typeUrl, refused) => {
        observe({ kind: 'rejected', peer: id, reason: 'malformed', count: refused.length });
        log.warn(
          { cluster: id, records: refused.slice(0, MAX_NAMED) },
          'records of a peer cannot be read; the rest counts',
        );
      },
    },
    clock,
    // Of coming and going it speaks as a proxy would; what there is to say of a peer, the link says.
    log: log.child({ cluster: id }, { level: 'error' }),
  });
  client.ready.then(
    () => {
      isWhole = true;
      receivedBytes = 0;
      listener.whole();
    },
    // Closed before; nobody has to wait for it.
    () => {},
  );
  return {
    imports,
    get records() {
      return store.snapshot;
    },
    status: client.status,
  };
}

/** What follows the leaf. */
function chainOf(cert: string): string {
  const [, ...intermediates] = splitPem(cert);
  return intermediates.map((pem) => new X509Certificate(pem).raw.toString('base64')).join(',');
}
