/** `/debug/clusterz` and `/debug/networkz` in istiod's spirit: the other clusters with how far they are read, and the ways there. */
import type { PeerStatus } from '../federation/index.js';
import type { ClusterStatus } from '../mesh.js';
import type { View } from '../projection/index.js';

export function clusterz(sources: readonly ClusterStatus[], peers: readonly PeerStatus[]): readonly object[] {
  return [
    ...sources.map(({ cluster, network, state, generation, isLocal }) => {
      return { id: cluster, network, kind: isLocal ? 'local' : 'source', syncStatus: state, generation };
    }),
    ...peers.map(({ cluster, network, state, generation, from, asOf }) => {
      return { id: cluster, network, kind: 'peer', syncStatus: state, generation, from, asOf: asOf && new Date(asOf) };
    }),
  ];
}

/** By network, its gateways; those of the own network are what other clusters are told. */
export function networkz(view: View | undefined): Readonly<Record<string, readonly object[]>> {
  const gateways = [...(view?.origin.model.clusters.values() ?? [])].flatMap((cluster) => cluster.gateways);
  const networks = [...new Set(gateways.map(({ network }) => network))].sort();
  const rowsOf = (network: string) =>
    gateways
      .filter((gateway) => gateway.network === network)
      .map(({ address, hbonePort, cluster, namespace, name, source, usable }) => {
        return { address: address.value, port: hbonePort, cluster, gateway: `${namespace}/${name}`, source, usable };
      });
  return Object.fromEntries(networks.map((network) => [network, rowsOf(network)]));
}
