/**
 * THE settings of the proxy: each is one row with its environment name, kind, default and reason. `--help`, the
 * effective settings and docs/reference/settings.md are printed from here. Names are Istio's and ztunnel's where the
 * thing is the same. `readSettings` reports all problems at once and starts nothing.
 */
import { LOG_LEVELS, type LogLevel } from '@isthmus/sdk/runtime';
import { headersOf, type NodeMetadata, nodeMetadataOf, noticesOf, type ServiceHeaders } from './config/environment.js';
import {
  duration,
  existingFile,
  flag,
  integer,
  ip,
  listenAddress,
  listOf,
  loopbackAddress,
  oneOf,
  rustLogLevel,
  serverAddress,
  share,
  text,
  workerCount,
} from './config/kinds.js';
import { type RootSource, rootSource, type TokenSource, tokenSource } from './config/pem-source.js';
import { withoutSecrets } from './config/print.js';
import { type Completed, completed, RULES } from './config/rules.js';
import { type Environment, readTable, type SettingTable, setting, type Values } from './config/table.js';
import {
  type OutboundListener,
  outboundListener,
  type PlaintextTarget,
  plaintextTarget,
  type Socks5Listener,
  socks5Listener,
  type WorkloadInfo,
  workloadInfo,
} from './config/workloads.js';
import { type ProxyConfig, proxyConfig } from './config/yaml-kinds.js';

export type { ListenAddress } from './config/kinds.js';
export type { RootSource, TokenSource } from './config/pem-source.js';
export type {
  OutboundListener,
  PlaintextTarget,
  Socks5Listener,
  WorkloadInfo,
  WorkloadName,
} from './config/workloads.js';

export const ROLE_NAMES = ['ztunnel', 'waypoint', 'east-west-gateway'] as const;
export type RoleName = (typeof ROLE_NAMES)[number];

/** HTTP/2 numbers are bounded as RFC 9113 bounds them (sections 6.5.2 and 6.9.1). */
const MAX_WINDOW = 2 ** 31 - 1;

export const SETTINGS = {
  network: setting<string>({
    env: ['NETWORK'],
    kind: text,
    default: '',
    doc: "The network this proxy is on. Endpoints of another network are reached through that network's east-west gateway.",
  }),
  clusterId: setting<string>({
    env: ['ISTIO_META_CLUSTER_ID', 'CLUSTER_ID'],
    kind: text,
    default: 'Kubernetes',
    doc: 'The cluster this proxy belongs to; sent to the control plane and the CA.',
  }),
  nodeName: setting<string | undefined>({
    env: ['NODE_NAME'],
    kind: text,
    default: undefined,
    doc: 'In shared mode the proxy stands for the workloads of this node; when unset, for every workload it is told of.',
  }),
  mode: setting<'shared' | 'dedicated' | undefined>({
    env: ['PROXY_MODE'],
    kind: oneOf('shared', 'dedicated'),
    default: undefined,
    defaultText: 'shared for ztunnel, dedicated otherwise',
    doc: 'shared: one process stands for all HBONE workloads of a node. dedicated: for the one that PROXY_WORKLOAD_INFO names. Waypoints and gateways are always dedicated, and refuse shared.',
  }),
  workload: setting<WorkloadInfo | undefined>({
    env: ['PROXY_WORKLOAD_INFO'],
    kind: workloadInfo,
    default: undefined,
    defaultText: 'POD_NAMESPACE, POD_NAME and SERVICE_ACCOUNT',
    doc: 'The workload a dedicated proxy stands for: its identity opens tunnels, its metadata is the baggage.',
  }),
  podName: setting<string | undefined>({
    env: ['POD_NAME'],
    kind: text,
    default: undefined,
    doc: 'The pod this process runs in; part of the xDS node id.',
  }),
  podNamespace: setting<string | undefined>({
    env: ['POD_NAMESPACE'],
    kind: text,
    default: undefined,
    doc: 'Its namespace; part of the xDS node id.',
  }),
  serviceAccount: setting<string | undefined>({
    env: ['SERVICE_ACCOUNT'],
    kind: text,
    default: undefined,
    doc: "Its service account; names the proxy's own identity.",
  }),
  instanceIp: setting<string | undefined>({
    env: ['INSTANCE_IP'],
    kind: ip,
    default: undefined,
    doc: 'The address of this process: part of the xDS node id, and where a waypoint or gateway accepts HBONE (port 15008).',
  }),
  trustDomain: setting<string>({
    env: ['TRUST_DOMAIN'],
    kind: text,
    default: 'cluster.local',
    doc: "Trust domain of the proxy's own identity.",
  }),
  xdsAddress: setting<string | undefined>({
    env: ['XDS_ADDRESS'],
    kind: serverAddress,
    default: undefined,
    defaultText:
      'none with LOCAL_XDS_PATH or LOCAL_XDS, else what PROXY_CONFIG says, https://istiod.istio-system.svc:15012 in Kubernetes, else https://localhost:15012',
    doc: "The control plane's discovery service, as [https://]host:port.",
  }),
  xdsOnDemand: setting<boolean>({
    env: ['XDS_ON_DEMAND'],
    kind: flag,
    default: false,
    doc: 'Ask the control plane for destinations one by one, when a connection needs them, instead of holding the whole mesh. A ztunnel in one process only. A destination that is not answered within 5 s is refused, not passed through.',
  }),
  localXdsPath: setting<string | undefined>({
    env: ['LOCAL_XDS_PATH'],
    kind: existingFile,
    default: undefined,
    doc: "A file with the mesh, in ztunnel's YAML format: workloads, services, policies. Read again when it changes; a text with a mistake is not used, the last good one stays. It takes the place of the control plane unless XDS_ADDRESS is set too; certificates still come from CA_ADDRESS.",
  }),
  localXds: setting<string | undefined>({
    env: ['LOCAL_XDS'],
    kind: text,
    default: undefined,
    doc: 'The same as text instead of a file.',
  }),
  proxyConfig: setting<ProxyConfig | undefined>({
    env: ['PROXY_CONFIG'],
    kind: proxyConfig,
    default: undefined,
    doc: "Istio's ProxyConfig. discoveryAddress counts where XDS_ADDRESS is not set, proxyMetadata is added to the xDS node's metadata. ISTIO_META_NAME=value and ISTIO_METAJSON_NAME=json are added too, and come before it.",
  }),
  altXdsHostname: setting<string | undefined>({
    env: ['ALT_XDS_HOSTNAME'],
    kind: text,
    default: undefined,
    doc: 'Another name the discovery service may prove, besides the host of XDS_ADDRESS. Headers: each XDS_HEADER_NAME=value is sent with every call to it.',
  }),
  xdsRootCa: setting<RootSource | undefined>({
    env: ['XDS_ROOT_CA'],
    kind: rootSource,
    default: undefined,
    defaultText: './var/run/secrets/istio/root-cert.pem',
    doc: 'Roots the discovery service is verified against.',
  }),
  caAddress: setting<string | undefined>({
    env: ['CA_ADDRESS'],
    kind: serverAddress,
    default: undefined,
    defaultText: 'XDS_ADDRESS or its default',
    doc: 'The certificate service, as [https://]host:port.',
  }),
  altCaHostname: setting<string | undefined>({
    env: ['ALT_CA_HOSTNAME'],
    kind: text,
    default: undefined,
    doc: 'Another name the certificate service may prove, besides the host of CA_ADDRESS. Headers: each CA_HEADER_NAME=value is sent with every call to it.',
  }),
  caRootCa: setting<RootSource | undefined>({
    env: ['CA_ROOT_CA'],
    kind: rootSource,
    default: undefined,
    defaultText: 'XDS_ROOT_CA',
    doc: 'Roots the certificate service is verified against.',
  }),
  authToken: setting<TokenSource | undefined>({
    env: ['AUTH_TOKEN'],
    kind: tokenSource,
    default: undefined,
    secret: true,
    defaultText: './var/run/secrets/tokens/istio-token if it exists',
    doc: 'Bearer token that proves to the control plane who this proxy is; a file is read again for every use.',
  }),
  secretTtlMs: setting<number>({
    env: ['SECRET_TTL'],
    kind: duration,
    default: 86_400_000,
    defaultText: '24h',
    doc: 'Lifetime asked for workload certificates; the CA may grant less.',
  }),
  secretGracePeriodRatio: setting<number>({
    env: ['SECRET_GRACE_PERIOD_RATIO'],
    kind: share,
    default: 0.5,
    doc: "The share of its life that a certificate has left when the next one is asked for; istio-agent's name and default. The CA may be away for that long before anybody notices.",
  }),
  crlPath: setting<string | undefined>({
    env: ['CRL_PATH'],
    kind: text,
    default: undefined,
    doc: 'File of certificate revocation lists, PEM or DER. Read again when it changes; certificates on it are refused and connections they opened are closed. A missing or broken file revokes nothing new and is warned about.',
  }),
  baggage: setting<boolean>({
    env: ['AMBIENT_ENABLE_BAGGAGE', 'ENABLE_RESPONSE_BAGGAGE'],
    kind: flag,
    default: true,
    doc: "Peer metadata exchange: send baggage on CONNECT and on its answer, and read what peers send. ztunnel's name for the response part is accepted as an alias of the whole: half an exchange leaves one end unknown. Off changes labels and logs only.",
  }),
  poolMaxStreams: setting<number>({
    env: ['POOL_MAX_STREAMS_PER_CONNECTION'],
    kind: integer(1, 65_535),
    default: 100,
    doc: 'Streams on one pooled HBONE connection before another is opened.',
  }),
  poolUnusedReleaseMs: setting<number>({
    env: ['POOL_UNUSED_RELEASE_TIMEOUT'],
    kind: duration,
    default: 300_000,
    defaultText: '5m',
    doc: 'How long an unused pooled connection is kept.',
  }),
  http2StreamWindow: setting<number>({
    env: ['HTTP2_STREAM_WINDOW_SIZE'],
    kind: integer(65_535, MAX_WINDOW),
    default: 4_194_304,
    doc: 'Receive window of a stream in bytes: what one slow connection may hold in memory.',
  }),
  http2ConnectionWindow: setting<number>({
    env: ['HTTP2_CONNECTION_WINDOW_SIZE'],
    kind: integer(65_535, MAX_WINDOW),
    default: 16_777_216,
    doc: 'Receive window of an HBONE connection in bytes.',
  }),
  http2FrameSize: setting<number>({
    env: ['HTTP2_FRAME_SIZE'],
    kind: integer(16_384, 16_777_215),
    default: 1_048_576,
    doc: 'Largest HTTP/2 frame accepted, in bytes.',
  }),
  terminationDeadlineMs: setting<number | undefined>({
    env: ['CONNECTION_TERMINATION_DEADLINE'],
    kind: duration,
    default: undefined,
    defaultText: 'what TERMINATION_GRACE_PERIOD_SECONDS leaves, else 5s',
    doc: 'How long draining waits for open connections before they are cut.',
  }),
  terminationGraceSeconds: setting<number | undefined>({
    env: ['TERMINATION_GRACE_PERIOD_SECONDS'],
    kind: integer(0, 86_400),
    default: undefined,
    doc: "The pod's terminationGracePeriodSeconds: draining then waits for 5 s less than that (1 s less when it is 10 or below), so that what is left is cut and logged before the kubelet kills the process.",
  }),
  workers: setting<number>({
    env: ['ZTUNNEL_WORKER_THREADS'],
    kind: workerCount,
    default: 1,
    doc: "Processes that share the listening sockets and carry the traffic; with more than one, another speaks to the control plane, keeps the certificates and serves the pages. As in ztunnel a percentage is of the machine's processors and 0 is all of them; `--workers` on the command line comes first.",
  }),
  logLevel: setting<LogLevel | undefined>({
    env: ['LOG_LEVEL'],
    kind: oneOf(...LOG_LEVELS),
    default: undefined,
    defaultText: 'the level in RUST_LOG, else info',
    doc: 'What is logged; POST /logging on the admin port changes it while running.',
  }),
  rustLog: setting<{ readonly level: LogLevel | undefined } | undefined>({
    env: ['RUST_LOG'],
    kind: rustLogLevel(LOG_LEVELS),
    default: undefined,
    doc: "ztunnel's name for LOG_LEVEL, which comes before it. Only a level for everything counts; those of single targets (access=debug) are ztunnel's own.",
  }),
  logFormat: setting<'plain' | 'json'>({
    env: ['LOG_FORMAT'],
    kind: oneOf('plain', 'json'),
    default: 'plain',
    doc: 'plain: tab separated as ztunnel writes it. json: one object per line.',
  }),
  accessLogIntervalMs: setting<number>({
    env: ['ACCESS_LOG_INTERVAL'],
    kind: duration,
    default: 0,
    defaultText: 'none',
    doc: 'A line in the access log for every connection that has been open this long, and again each time it has passed; without it a connection of hours is in the log only when it ends. Its bytes are in the metrics all the while.',
  }),
  adminAddress: setting({
    env: ['ADMIN_ADDRESS'],
    kind: loopbackAddress,
    default: { host: '127.0.0.1', port: 15000 },
    defaultText: '127.0.0.1:15000',
    doc: 'Configuration dump, log level, drain. Loopback only, because it can stop the proxy and shows the whole mesh.',
  }),
  metricsAddress: setting({
    env: ['METRICS_ADDRESS'],
    kind: listenAddress,
    default: { host: '0.0.0.0', port: 15020 },
    defaultText: '0.0.0.0:15020',
    doc: 'Prometheus metrics on /metrics and /stats/prometheus.',
  }),
  readinessAddress: setting({
    env: ['READINESS_ADDRESS'],
    kind: listenAddress,
    default: { host: '0.0.0.0', port: 15021 },
    defaultText: '0.0.0.0:15021',
    doc: 'GET /healthz/ready answers 200 once everything the proxy needs is there, else 500 with what is pending.',
  }),
  enableSocks5: setting<boolean>({
    env: ['UNSTABLE_ENABLE_SOCKS5'],
    kind: flag,
    default: false,
    doc: "ztunnel's switch: in dedicated mode, opens the SOCKS5 listener 127.0.0.1:15080 when SOCKS5_LISTENERS names none.",
  }),
  socks5Listeners: setting<readonly Socks5Listener[]>({
    env: ['SOCKS5_LISTENERS'],
    kind: listOf(socks5Listener),
    default: [],
    doc: "SOCKS5 entries, one per workload. Loopback only: whoever reaches the listener speaks with that workload's identity.",
  }),
  outboundListeners: setting<readonly OutboundListener[]>({
    env: ['OUTBOUND_LISTENERS'],
    kind: listOf(outboundListener),
    default: [],
    doc: 'Listeners that lead to one service each, for applications that speak no SOCKS5. Loopback only, for the same reason.',
  }),
  interceptionMode: setting<'NONE' | 'REDIRECT' | 'TPROXY'>({
    env: ['INTERCEPTION_MODE'],
    kind: oneOf('NONE', 'REDIRECT', 'TPROXY'),
    default: 'NONE',
    doc: 'How the kernel leads connections to this ztunnel, if it does: to 15001 outbound and 15006 inbound, by the rules that `isthmus-proxy rules` prints. REDIRECT asks for the original destination (koffi, or the conntrack table); TPROXY needs transparent listeners, its own (koffi, CAP_NET_ADMIN) or handed over as by systemd (LISTEN_FDS).',
  }),
  requireWaypoint: setting<boolean>({
    env: ['REQUIRE_WAYPOINT'],
    kind: flag,
    default: false,
    doc: 'Refuse (401) whoever calls a workload directly that has a waypoint, or whose services all have one, and is none of these waypoints; plaintext included. Off by default, because ingress gateways of Istio go around waypoints unless told otherwise (istio.io/ingress-use-waypoint).',
  }),
  authzPolicyInfoLogging: setting<boolean>({
    env: ['AUTHZ_POLICY_INFO_LOGGING'],
    kind: flag,
    default: false,
    doc: 'What a dry-run policy would have done is logged at info, not at debug.',
  }),
  localhostAppTunnel: setting<boolean>({
    env: ['LOCALHOST_APP_TUNNEL'],
    kind: flag,
    default: true,
    doc: 'An application that asks for the PROXY protocol is connected to on loopback, where nobody else can pretend to be its proxy. In dedicated mode only: a shared proxy connects to its address.',
  }),
  inboundPlaintextTargets: setting<readonly PlaintextTarget[]>({
    env: ['INBOUND_PLAINTEXT_TARGETS'],
    kind: listOf(plaintextTarget),
    default: [],
    doc: "The application port that plaintext arriving on <workload ip>:15006 goes to when INTERCEPTION_MODE is NONE: then the original port is not known. If unset, the workload's only target port is taken, and with several the connection is refused.",
  }),
  metricsMaxSeries: setting<number>({
    env: ['METRICS_MAX_SERIES'],
    kind: integer(100, 1_000_000),
    default: 20_000,
    doc: 'Most label sets one metric family may hold. Beyond it, what comes is counted in a series whose labels read "overflow", so sums stay right and memory stays bounded.',
  }),
  metricsIdleMs: setting<number>({
    env: ['METRICS_IDLE_TIMEOUT'],
    kind: duration,
    default: 3_600_000,
    defaultText: '1h',
    doc: 'A series that nothing has touched for this long and no open connection uses disappears. Keep it well above the scrape interval.',
  }),
  istioVersion: setting<string>({
    env: ['ISTIO_META_ISTIO_VERSION'],
    kind: text,
    default: 'unknown',
    doc: 'The tag of istio_build.',
  }),
} satisfies SettingTable;

/** Settings as the program uses them: the table's values for this role, and what shares a prefix. */
export type Settings = Omit<Values<typeof SETTINGS>, keyof Completed> &
  Completed & {
    readonly role: RoleName;
    /** ISTIO_META_* and ISTIO_METAJSON_*: added to the xDS node's metadata, and overrides it. */
    readonly nodeMetadata: NodeMetadata;
    /** XDS_HEADER_* and CA_HEADER_*; may be secret. */
    readonly xdsHeaders: ServiceHeaders;
    readonly caHeaders: ServiceHeaders;
    /** Sentences about variables that are set and have no effect, for the log. */
    readonly notices: readonly string[];
  };

export type SettingsResult =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly string[] };

const KNOWN_NAMES: ReadonlySet<string> = new Set(
  Object.values<SettingTable[string]>(SETTINGS).flatMap(({ env }) => env),
);

export function readSettings(role: RoleName, env: Environment): SettingsResult {
  const { values, problems } = readTable(SETTINGS, env);
  const families = [nodeMetadataOf(env), headersOf(env, 'XDS_HEADER_'), headersOf(env, 'CA_HEADER_')] as const;
  const [metadata, xdsHeaders, caHeaders] = families;
  const inKubernetes = (env.KUBERNETES_SERVICE_HOST ?? '') !== '';
  const settings: Settings = {
    ...values,
    ...completed(values, { role, inKubernetes }),
    role,
    nodeMetadata: { ...values.proxyConfig?.metadata, ...metadata.value },
    xdsHeaders: xdsHeaders.value,
    caHeaders: caHeaders.value,
    notices: noticesOf(env, KNOWN_NAMES),
  };
  const all = [
    ...problems,
    ...families.flatMap((family) => family.problems),
    ...RULES.flatMap((rule) => rule(settings, role)),
  ];
  return all.length > 0 ? { ok: false, problems: all } : { ok: true, settings };
}

/** What is in effect, for `isthmus-proxy config` and the admin dump. */
export function effectiveSettings({ role, xdsHeaders, caHeaders, ...values }: Settings): Record<string, unknown> {
  // Headers carry credentials more often than not.
  const names = { xdsHeaders: Object.keys(xdsHeaders), caHeaders: Object.keys(caHeaders) };
  return { role, ...withoutSecrets(SETTINGS, values), ...names };
}
