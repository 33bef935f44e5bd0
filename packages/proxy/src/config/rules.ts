/**
 * What a single row cannot say: defaults that follow from other settings, and combinations that make no sense. Rules
 * see only the fields they speak about, so that they stand above the table they are applied to.
 */
import { existsSync } from 'node:fs';
import type { LogLevel } from '@isthmus/sdk/runtime';
import { PORT } from '@isthmus/sdk/wire';
import type { RootSource, TokenSource } from './pem-source.js';
import { type TlsSettings, tlsProblems } from './tls.js';
import type { OutboundListener, PlaintextTarget, Socks5Listener, WorkloadInfo, WorkloadName } from './workloads.js';

/** Where Kubernetes mounts them for Istio's proxies. */
const ROOT_CERT = './var/run/secrets/istio/root-cert.pem';
const ISTIO_TOKEN = './var/run/secrets/tokens/istio-token';

export interface Completed {
  readonly mode: 'shared' | 'dedicated';
  readonly workload: WorkloadInfo | undefined;
  readonly xdsAddress: string | undefined;
  readonly xdsRootCa: RootSource;
  readonly caAddress: string;
  readonly caRootCa: RootSource;
  readonly authToken: TokenSource | undefined;
  readonly socks5Listeners: readonly Socks5Listener[];
  readonly terminationDeadlineMs: number;
  readonly logLevel: LogLevel;
}

/** What `completed` fills from, absent values included. */
type Given = { readonly [Name in keyof Completed]: Completed[Name] | undefined } & Pick<Completed, 'socks5Listeners'>;

export interface Ruled extends Given, TlsSettings {
  readonly terminationGraceSeconds: number | undefined;
  readonly xdsOnDemand: boolean;
  readonly localXdsPath: string | undefined;
  readonly localXds: string | undefined;
  readonly proxyConfig: { readonly discoveryAddress: string | undefined } | undefined;
  readonly rustLog: { readonly level: LogLevel | undefined } | undefined;
  readonly podName: string | undefined;
  readonly podNamespace: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly instanceIp: string | undefined;
  readonly enableSocks5: boolean;
  readonly outboundListeners: readonly OutboundListener[];
  readonly inboundPlaintextTargets: readonly PlaintextTarget[];
}

export interface Surroundings {
  readonly role: string;
  readonly inKubernetes: boolean;
}

/** Where Istio's own proxies look for their control plane. */
const ISTIOD = 'https://istiod.istio-system.svc:15012';
const LOCALHOST = 'https://localhost:15012';

/** Fills what was not given from what was. */
export function completed(values: Ruled, { role, inKubernetes }: Surroundings): Completed {
  const mode = values.mode ?? (role === 'ztunnel' ? 'shared' : 'dedicated');
  const named = values.xdsAddress ?? values.proxyConfig?.discoveryAddress;
  const controlPlane = named ?? (inKubernetes ? ISTIOD : LOCALHOST);
  const isLocal = values.localXdsPath !== undefined || values.localXds !== undefined;
  const workload = values.workload ?? workloadOfPod(values);
  const wantsSocks5 = values.enableSocks5 && mode === 'dedicated' && values.socks5Listeners.length === 0;
  // Read when it is needed, and said to be missing then: it may be mounted later than the proxy starts.
  const xdsRootCa = values.xdsRootCa ?? ({ kind: 'file', path: ROOT_CERT } as const);
  const token = existsSync(ISTIO_TOKEN) ? ({ kind: 'file', path: ISTIO_TOKEN } as const) : undefined;
  return {
    mode,
    workload: mode === 'dedicated' ? workload : undefined,
    xdsAddress: isLocal ? values.xdsAddress : controlPlane,
    xdsRootCa,
    caAddress: values.caAddress ?? controlPlane,
    caRootCa: values.caRootCa ?? xdsRootCa,
    authToken: values.authToken ?? token,
    socks5Listeners:
      wantsSocks5 && workload
        ? [{ workload, address: { host: '127.0.0.1', port: PORT.socks5 } }]
        : values.socks5Listeners,
    terminationDeadlineMs: values.terminationDeadlineMs ?? deadlineWithin(values.terminationGraceSeconds),
    logLevel: values.logLevel ?? values.rustLog?.level ?? 'info',
  };
}

/** ztunnel's figures: time to cut what is left is kept back from a grace period, and without one it is 5 s. */
function deadlineWithin(graceSeconds: number | undefined): number {
  if (graceSeconds === undefined) return 5_000;
  return Math.max(1, graceSeconds > 10 ? graceSeconds - 5 : graceSeconds - 1) * 1_000;
}

function workloadOfPod(values: Ruled): WorkloadInfo | undefined {
  const { podName, podNamespace, serviceAccount } = values;
  if (!podName || !podNamespace || !serviceAccount) return undefined;
  return { namespace: podNamespace, name: podName, serviceAccount };
}

type Rule = (settings: Ruled, role: string) => readonly string[];

/** Each returns a sentence per problem, naming the variables to change. */
export const RULES: readonly Rule[] = [
  tlsProblems,
  ({ xdsOnDemand, xdsAddress }, role) => {
    if (!xdsOnDemand) return [];
    const remedies = [
      ...(role === 'ztunnel' ? [] : [`a ${role} needs all that is bound to it or exported`]),
      ...(xdsAddress === undefined ? ['there is no control plane to ask; set XDS_ADDRESS'] : []),
    ];
    return remedies.map((remedy) => `XDS_ON_DEMAND=true cannot be used: ${remedy}`);
  },
  ({ localXdsPath, localXds }) =>
    localXdsPath !== undefined && localXds !== undefined
      ? ['LOCAL_XDS_PATH and LOCAL_XDS both hold the mesh; keep one']
      : [],
  ({ mode }, role) =>
    role !== 'ztunnel' && mode === 'shared'
      ? [`PROXY_MODE=shared is for ztunnels: a ${role} stands for itself alone; set dedicated, or leave it out`]
      : [],
  ({ mode, workload }, role) =>
    mode === 'dedicated' && !workload
      ? [
          `PROXY_WORKLOAD_INFO is missing: a dedicated ${role} stands for one workload, named namespace/name/serviceaccount`,
        ]
      : [],
  ({ instanceIp }, role) =>
    role !== 'ztunnel' && instanceIp === undefined
      ? [`INSTANCE_IP is missing: the ${role} role accepts HBONE on that address`]
      : [],
  ({ mode, workload, ...lists }) => {
    if (mode !== 'dedicated' || !workload) return [];
    const named = [
      ...lists.socks5Listeners.map((each) => ['SOCKS5_LISTENERS', each.workload] as const),
      ...lists.outboundListeners.map((each) => ['OUTBOUND_LISTENERS', each.workload] as const),
      ...lists.inboundPlaintextTargets.map((each) => ['INBOUND_PLAINTEXT_TARGETS', each.workload] as const),
    ];
    return named
      .filter(([, other]) => !sameName(other, workload))
      .map(
        ([name, other]) =>
          `${name} names ${other.namespace}/${other.name}, but this proxy stands for ${workload.namespace}/${workload.name} only`,
      );
  },
  ({ socks5Listeners, outboundListeners }) =>
    duplicates([...socks5Listeners, ...outboundListeners].map(({ address }) => `${address.host}:${address.port}`)).map(
      (address) => `${address} is named twice in SOCKS5_LISTENERS and OUTBOUND_LISTENERS; each listener needs its own`,
    ),
  ({ inboundPlaintextTargets }) =>
    duplicates(inboundPlaintextTargets.map(({ workload }) => `${workload.namespace}/${workload.name}`)).map(
      (name) => `INBOUND_PLAINTEXT_TARGETS names ${name} twice; plaintext goes to one port`,
    ),
];

function sameName(a: WorkloadName, b: WorkloadName): boolean {
  return a.namespace === b.namespace && a.name === b.name;
}

function duplicates(keys: readonly string[]): readonly string[] {
  return [...new Set(keys.filter((key, index) => keys.indexOf(key) !== index && !key.endsWith(':0')))];
}
