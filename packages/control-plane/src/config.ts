/**
 * THE table of settings of `serve`: names, types, defaults and what each is for. The reader, its error messages,
 * `serve --help` and the reference in `docs/control-plane.md` derive from it. Relative paths are relative to the file
 * they stand in.
 */
import { dirname, resolve } from 'node:path';
import { LOG_LEVELS } from '@isthmus/sdk/runtime';
import { PORT } from '@isthmus/sdk/wire';
import { path, section } from './config-fields.js';
import { meshConfig, scopeConfigs } from './mesh-config.js';
import {
  boolean,
  dnsName,
  duration,
  type Fields,
  formatPath,
  hostName,
  hostPort,
  INVALID,
  type Infer,
  identifier,
  ip,
  list,
  maybe,
  oneOf,
  optional,
  type Path,
  type Problem,
  port,
  type Report,
  readYaml,
  required,
  type Schema,
  strictObject,
  string,
} from './schema/index.js';
import { ca, checkTrust, tokens, trustBundle } from './trust-config.js';
import { DEFAULT_VIP_BLOCKS, vipBlocks } from './vip-blocks.js';

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;

/** No port of Istio's. */
const FEDERATION_PORT = 15_013;

function listener(defaultPort: number, what: string) {
  return section({
    host: optional(ip, '127.0.0.1', `Address of ${what}.`),
    port: optional(port(0), defaultPort, `Its port; 0 takes a free one, which is logged.`),
  });
}

const NO_MESH_CONFIG = { serviceScopeConfigs: undefined } as const;

const kubernetes = strictObject({
  kubeconfig: maybe(path, 'Kubeconfig of the cluster; read again when its credentials are refused.'),
  context: maybe(string(), 'Context in it, where that is not the current one.'),
  inCluster: optional(boolean(), false, 'Instead of a kubeconfig: this process is a pod of the cluster.'),
  serviceAccountDirectory: optional(
    path,
    '/var/run/secrets/kubernetes.io/serviceaccount',
    'With `inCluster`: where the `token` and the `ca.crt` of the pod are mounted.',
  ),
  tokenReview: optional(
    boolean(),
    true,
    'Of the local cluster: whether proxies may prove themselves by tokens of its service accounts, which its API is asked about.',
  ),
  rootConfigMaps: optional(
    boolean(),
    false,
    'Of the local cluster: whether the ConfigMap `istio-ca-root-cert`, which proxies mount, is written into every namespace. Not where istiod does.',
  ),
  remoteSecrets: optional(
    boolean(),
    true,
    'Of the local cluster: whether the Secrets of `istio-system` labelled `istio/multiCluster=true` name further clusters.',
  ),
});

const source = strictObject({
  cluster: required(identifier, 'Id of the cluster whose objects these are.'),
  network: maybe(
    identifier,
    'Its network; a directory needs one. The label `topology.istio.io/network` of its namespace `istio-system` prevails.',
  ),
  directory: maybe(path, 'Directory tree of Kubernetes YAML (`*.yaml`, `*.yml`); watched.'),
  kubernetes: maybe(kubernetes, 'Instead of a directory: the API of the cluster, listed and watched.'),
  trustDomain: maybe(identifier, 'Its trust domain, where it differs from `trustDomain`.'),
  meshConfig: optional(meshConfig('What this cluster exports, where it differs from `meshConfig`.'), NO_MESH_CONFIG),
});

const peerExports = strictObject({
  peer: required(identifier, 'Id of the cluster of a peer.'),
  serviceScopeConfigs: required(
    scopeConfigs,
    'Of what the cluster exports, that peer is told what this selects, and of the waypoints in front of it; a peer that is not listed is told everything.',
  ),
});

const federation = strictObject(
  {
    directory: required(
      path,
      'Peers, open invitations and what peers exported last; `isthmus-control-plane peer` writes there. Watched.',
    ),
    address: required(hostPort, 'Where peers reach this control plane, as they are told in invitations.'),
    listen: listener(FEDERATION_PORT, 'gRPC for peers: the exchange, and streams of exports by mTLS'),
    exports: optional(list(peerExports), []),
    maxImportAge: optional(
      duration,
      DAY_MS,
      'After a restart, what a peer that is away exported last counts until it is so old.',
    ),
  },
  ({ exports }, at, report) => {
    const ids = exports.map(({ peer }) => peer);
    for (const [index, id] of ids.entries()) {
      const first = ids.indexOf(id);
      if (first < index) report([...at, 'exports', index, 'peer'], `${id} is listed already by exports[${first}]`);
    }
  },
);
export type FederationSettings = Infer<typeof federation>;

export const SETTINGS = {
  clusterId: required(identifier, 'The cluster whose proxies are served. The source of this cluster is the local one.'),
  trustDomain: optional(identifier, 'cluster.local', 'Trust domain of the certificates issued here.'),
  clusterDomain: optional(dnsName, 'cluster.local', 'DNS suffix of Services.'),
  sources: required(list(source)),
  meshConfig: optional(
    meshConfig(
      "What clusters export. None is the same as Istio's ambient profile: Services labelled `istio.io/global=true`.",
    ),
    NO_MESH_CONFIG,
  ),
  remoteServiceVips: optional(
    vipBlocks,
    DEFAULT_VIP_BLOCKS,
    'Services that only other networks have, and ServiceEntries without addresses, get addresses of these blocks, which nothing else may use: of the families that the cluster has. `none`: they are reached by name only.',
  ),
  ca: required(ca),
  trustBundles: optional(list(trustBundle), []),
  tokens,
  federation: maybe(federation, 'Left out, there are no peers.'),
  listen: listener(PORT.xds, 'gRPC: discovery and certificates'),
  serverNames: optional(
    list(hostName),
    ['localhost', '127.0.0.1', '::1'],
    'Names and addresses in the serving certificate: whatever proxies have in XDS_ADDRESS and CA_ADDRESS.',
  ),
  readiness: listener(PORT.readiness, '`/healthz/ready`, for probes'),
  monitoring: listener(
    15_014,
    '`/metrics`, `/debug/*` and `/healthz/ready`, which ask nobody who they are: keep it on loopback',
  ),
  debounce: section({
    quiet: optional(duration, 100, 'Files are read when nothing changed for so long,'),
    max: optional(duration, 10 * SECOND_MS, 'but at the latest so long after the first change.'),
  }),
  rescanInterval: optional(duration, 10 * SECOND_MS, 'Files are read this often even when no change was heard of.'),
  logLevel: optional(oneOf(LOG_LEVELS), 'info', 'What is logged, as JSON lines on standard output.'),
} as const satisfies Fields;

const schema = strictObject(SETTINGS, (all, at, report) => {
  const {
    clusterId,
    sources,
    tokens: { keyFile, issuers },
  } = all;
  const ids = sources.map(({ cluster }) => cluster);
  if (!ids.includes(clusterId))
    report([...at, 'sources'], `none has cluster ${clusterId}, which clusterId says is the local one`);
  for (const [index, each] of sources.entries()) checkSource(each, [...at, 'sources', index], report);
  for (const [index, id] of ids.entries()) {
    const first = ids.indexOf(id);
    if (first < index) report([...at, 'sources', index, 'cluster'], `${id} is listed already by sources[${first}]`);
  }
  const local = sources.find(({ cluster }) => cluster === clusterId);
  if (keyFile === undefined && issuers.length === 0 && !local?.kubernetes?.tokenReview)
    report(
      [...at, 'tokens', 'keyFile'],
      'is missing; without it, other issuers and an API that reviews tokens, no proxy can prove who it is',
    );
  checkTrust(all, at, report);
});

/** Where the objects come from: one place, and all that is needed to read them there. */
function checkSource({ network, directory, kubernetes: api }: Infer<typeof source>, at: Path, report: Report): void {
  if (!directory && !api) report(at, 'has neither directory nor kubernetes; give one of them');
  if (directory && api) report(at, 'has both directory and kubernetes; leave one of them out');
  if (directory && network === undefined) report([...at, 'network'], `is missing; expected ${identifier.type}`);
  if (!api) return;
  const { kubeconfig, context, inCluster } = api;
  if (!kubeconfig && !inCluster)
    report([...at, 'kubernetes'], 'has neither kubeconfig nor inCluster: true; give one of them');
  if (kubeconfig && inCluster)
    report([...at, 'kubernetes'], 'has both kubeconfig and inCluster: true; leave one of them out');
  if (context !== undefined && !kubeconfig)
    report([...at, 'kubernetes', 'context'], 'is of a kubeconfig, and there is none');
}

export type Settings = Infer<typeof schema>;

/** How eagerly files are followed. */
export function paceOf({ debounce, rescanInterval }: Pick<Settings, 'debounce' | 'rescanInterval'>) {
  return { quietMs: debounce.quiet, maxMs: debounce.max, rescanMs: rescanInterval };
}

export type ReadSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** `file` names the text in messages and is what relative paths are relative to. */
export function readSettings(file: string, text: string): ReadSettings {
  const { documents, problems: syntax } = readYaml(file, text);
  const [document] = documents;
  const whole = { severity: 'error', file, line: 1, col: 1, path: '' } as const;
  if (!document) return { ok: false, problems: syntax.length > 0 ? syntax : [{ ...whole, message: 'is empty' }] };
  if (documents.length > 1) return { ok: false, problems: [{ ...whole, message: 'has more than one YAML document' }] };
  const problems: Problem[] = [];
  const settings = schema.read(document.value, [], (at, message, severity = 'error') => {
    problems.push({ severity, ...document.locate(at), path: formatPath(at), message });
  });
  if (settings === INVALID) return { ok: false, problems };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, settings: resolvePaths(settings, dirname(file)) };
}

function resolvePaths(settings: Settings, base: string): Settings {
  return {
    ...settings,
    sources: settings.sources.map((each) => ({
      ...each,
      directory: each.directory && resolve(base, each.directory),
      kubernetes: each.kubernetes && {
        ...each.kubernetes,
        kubeconfig: each.kubernetes.kubeconfig && resolve(base, each.kubernetes.kubeconfig),
        serviceAccountDirectory: resolve(base, each.kubernetes.serviceAccountDirectory),
      },
    })),
    ca: { ...settings.ca, directory: resolve(base, settings.ca.directory) },
    trustBundles: settings.trustBundles.map((each) => ({ ...each, file: resolve(base, each.file) })),
    tokens: {
      ...settings.tokens,
      keyFile: settings.tokens.keyFile && resolve(base, settings.tokens.keyFile),
      issuers: settings.tokens.issuers.map((each) => ({
        ...each,
        jwksFile: each.jwksFile && resolve(base, each.jwksFile),
        caFile: each.caFile && resolve(base, each.caFile),
      })),
    },
    federation: settings.federation && {
      ...settings.federation,
      directory: resolve(base, settings.federation.directory),
    },
  };
}

export interface SettingRow {
  /** `sources[].cluster`. */
  readonly name: string;
  readonly type: string;
  /** Undefined: has to be given. */
  readonly default: string | undefined;
  readonly doc: string;
}

/** The table for people, one row per setting. */
export function settingRows(fields: Fields = SETTINGS, prefix = ''): readonly SettingRow[] {
  return Object.entries(fields).flatMap(([key, { schema: type, fallback, doc = '' }]) => {
    const name = `${prefix}${key}`;
    const inner = type.fields ?? type.element?.fields;
    if (inner) return settingRows(inner, `${name}${type.element ? '[]' : ''}.`);
    return [{ name, type: type.type, default: fallback && formatDefault(type, fallback.value), doc }];
  });
}

function formatDefault(type: Schema<unknown>, value: unknown): string {
  if (value === undefined) return 'none';
  if (Array.isArray(value)) return value.join(', ');
  return type === duration && typeof value === 'number' ? formatDuration(value) : String(value);
}

function formatDuration(milliseconds: number): string {
  const units = [
    ['h', 3_600_000],
    ['s', SECOND_MS],
    ['ms', 1],
  ] as const;
  const [unit, size] = units.find(([, unitMs]) => milliseconds % unitMs === 0) ?? ['ms', 1];
  return `${milliseconds / size}${unit}`;
}
