/**
 * THE settings of the proxy, one table put together by topic: each is one row with its environment name, kind, default and
 * reason. `--help`, the effective settings and docs/reference/settings.md are printed from here. Names are Istio's and
 * ztunnel's where the thing is the same. `readSettings` reports all problems at once and starts nothing.
 */
import {
  headersOf,
  type NodeMetadata,
  nodeMetadataOf,
  noticesOf,
  noticesOfFields,
  type ServiceHeaders,
} from './config/environment.js';
import { withoutSecrets } from './config/print.js';
import { type Completed, completed, RULES } from './config/rules.js';
import { CERTIFICATES } from './config/settings/certificates.js';
import { CONTROL_PLANE } from './config/settings/control-plane.js';
import { OBSERVING } from './config/settings/observing.js';
import { OWN } from './config/settings/own.js';
import { PROCESS } from './config/settings/process.js';
import { TRAFFIC } from './config/settings/traffic.js';
import { TUNNELS } from './config/settings/tunnels.js';
import { type Environment, readTable, type SettingTable, type Values } from './config/table.js';
import { tlsNotices } from './config/tls.js';

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

export const SETTINGS = {
  ...OWN,
  ...CONTROL_PLANE,
  ...CERTIFICATES,
  ...TUNNELS,
  ...PROCESS,
  ...TRAFFIC,
  ...OBSERVING,
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
    /** Sentences for the log, about variables that are set and do nothing, or less than one may think. */
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
    notices: [
      ...noticesOf(env, KNOWN_NAMES),
      ...noticesOfFields(values.proxyConfig?.fields ?? []),
      ...tlsNotices(values),
    ],
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
