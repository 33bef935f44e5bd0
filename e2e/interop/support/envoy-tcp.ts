/** TCP of an Envoy: bytes to a cluster, or into a tunnel of their own. */
import { extension, type FilterState, headers, jsonLines, type Part, setFilterState } from './envoy-parts.js';

export interface Tunnel {
  /** `:authority`, or an operator that gives it. */
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TcpProxy {
  readonly name: string;
  readonly cluster: string;
  /** Opens a CONNECT for each connection. */
  readonly tunnel?: Tunnel;
  readonly log?: Readonly<Record<string, string>>;
}

export function tcpProxy({ name, cluster, tunnel, log }: TcpProxy): Part {
  return extension('envoy.filters.network.tcp_proxy', 'filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: name,
    cluster,
    idle_timeout: '0s',
    ...(tunnel && {
      tunneling_config: {
        hostname: tunnel.authority,
        headers_to_add: headers(tunnel.headers),
        propagate_response_headers: true,
      },
    }),
    ...(log && { access_log: [jsonLines({ log: name, ...log })] }),
  });
}

export function connectionFilterState(values: readonly FilterState[]): Part {
  return extension(
    'envoy.filters.network.set_filter_state',
    'filters.network.set_filter_state.v3.Config',
    setFilterState('on_new_connection', values, 'all'),
  );
}
