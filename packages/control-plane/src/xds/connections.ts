/** Who is connected now; what the status page shows. */

import type { ProxyNode } from './node.js';
import type { SubscriptionStatus } from './subscription.js';

export interface ConnectionStatus {
  /** `<pod>.<namespace>-<counter>`, as istiod names connections. */
  readonly id: string;
  readonly node: ProxyNode;
  readonly identity: string;
  readonly peer: string;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly types: readonly SubscriptionStatus[];
}

export interface Connections {
  /** Registers until the returned function is called. */
  add(
    connection: Omit<ConnectionStatus, 'types'> & { readonly types: () => readonly SubscriptionStatus[] },
  ): () => void;
  readonly count: number;
  list(): readonly ConnectionStatus[];
}

export function createConnections(): Connections {
  const connections = new Set<Parameters<Connections['add']>[0]>();
  return {
    add(connection) {
      connections.add(connection);
      return () => {
        connections.delete(connection);
      };
    },
    get count() {
      return connections.size;
    },
    list: () => [...connections].map((connection) => ({ ...connection, types: connection.types() })),
  };
}
