/**
 * The pieces an Envoy's configuration is put together from, as values that become JSON. Only what Envoy itself has (no filter of Istio's),
 * arranged as istiod arranges it: TLS with SPIFFE names, tunnels that are accepted and opened, listeners inside the process.
 */
import type { HostPort } from '@isthmus/tools/lab';

export type Part = Readonly<Record<string, unknown>>;

/** Where its certificate, its key and the mesh's root are. */
export interface TlsFiles {
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
}

export const EXTENSIONS = 'type.googleapis.com/envoy.extensions';

/** An extension by its name and the type of its configuration. */
export function extension(name: string, type: string, configuration: Part = {}): Part {
  return { name, typed_config: { '@type': `${EXTENSIONS}.${type}`, ...configuration } };
}

export function address({ host, port }: HostPort): Part {
  return { socket_address: { address: host, port_value: port } };
}

/** Names are SPIFFE URIs, compared exactly. */
function commonTls({ chain, key, roots }: TlsFiles, peers: readonly string[]): Part {
  return {
    alpn_protocols: ['h2'],
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }],
    validation_context: {
      trusted_ca: { filename: roots },
      match_typed_subject_alt_names: peers.map((exact) => ({ san_type: 'URI', matcher: { exact } })),
    },
  };
}

export function serverTls(files: TlsFiles, clients: readonly string[]): Part {
  return extension('envoy.transport_sockets.tls', 'transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: commonTls(files, clients),
  });
}

export function clientTls(files: TlsFiles, servers: readonly string[]): Part {
  return extension('envoy.transport_sockets.tls', 'transport_sockets.tls.v3.UpstreamTlsContext', {
    common_tls_context: commonTls(files, servers),
  });
}

/** One JSON line on standard output for each; Envoy's operators are the values. */
export function jsonLines(fields: Readonly<Record<string, string>>): Part {
  return extension('envoy.access_loggers.stdout', 'access_loggers.stream.v3.StdoutAccessLog', {
    log_format: { json_format: fields },
  });
}

export function headers(values: Readonly<Record<string, string>>): readonly Part[] {
  return Object.entries(values).map(([key, value]) => ({
    header: { key, value },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    keep_empty_value: true,
  }));
}

export interface FilterState {
  readonly key: string;
  readonly factory?: string;
  readonly value: string;
}

/** What the next hop inside the process, or all further ones, are told. Both kinds keep connections of different values apart. */
const SHARED = { next: 'ONCE', all: 'TRANSITIVE' } as const;

export function setFilterState(moment: string, values: readonly FilterState[], reach: keyof typeof SHARED): Part {
  return {
    [moment]: values.map(({ key, factory, value }) => ({
      object_key: key,
      ...(factory !== undefined && { factory_key: factory }),
      format_string: { text_format_source: { inline_string: value } },
      shared_with_upstream: SHARED[reach],
    })),
  };
}

export interface Listener {
  readonly name: string;
  readonly filters: readonly Part[];
  readonly tls?: Part;
}

export function listener(at: HostPort, { name, filters, tls }: Listener): Part {
  return { name, address: address(at), filter_chains: [{ filters, ...(tls && { transport_socket: tls }) }] };
}

/** Reached from inside the process only, by its name; its original destination is what the caller says. */
export function internalListener({ name, filters }: Listener): Part {
  return {
    name,
    internal_listener: {},
    listener_filters: [
      extension('envoy.filters.listener.original_dst', 'filters.listener.original_dst.v3.OriginalDst'),
    ],
    filter_chains: [{ filters }],
  };
}

/** A whole Envoy. */
export interface Configuration {
  readonly listeners: readonly Part[];
  readonly clusters: readonly Part[];
}

export function bootstrap(name: string, admin: HostPort, { listeners, clusters }: Configuration): Part {
  return {
    node: { id: name, cluster: name },
    admin: { address: address(admin) },
    bootstrap_extensions: [
      extension('envoy.bootstrap.internal_listener', 'bootstrap.internal_listener.v3.InternalListener'),
    ],
    static_resources: { listeners, clusters },
  };
}

/** One Envoy that is all of them. */
export function join(...parts: readonly Configuration[]): Configuration {
  return {
    listeners: parts.flatMap(({ listeners }) => listeners),
    clusters: parts.flatMap(({ clusters }) => clusters),
  };
}
