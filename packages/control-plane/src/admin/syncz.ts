/** `/debug/syncz` in istiod's spirit: per proxy and type, what was sent and what of it was acknowledged. */
import { RESOURCE_TYPES, resourceTypeByUrl } from '@isthmus/sdk/wire';
import type { ConnectionStatus } from '../xds/index.js';

export function syncz(connections: readonly ConnectionStatus[], cluster: string): readonly object[] {
  return connections.map(({ id, node, types }) => ({
    proxy: id,
    cluster_id: cluster,
    proxy_type: node.type,
    ...(node.version !== '' && { istio_version: node.version }),
    types: Object.fromEntries(
      types.map(({ typeUrl, state, sentNonce, ackedNonce, held, lastRejection }) => {
        const type = resourceTypeByUrl(typeUrl);
        const name = type ? RESOURCE_TYPES[type].shortName : typeUrl;
        return [name, { state, sent: sentNonce, acked: ackedNonce, resources: held, rejected: lastRejection?.reason }];
      }),
    ),
  }));
}
