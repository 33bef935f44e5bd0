/**
 * What a single row cannot say: defaults that follow from other settings, and combinations that make no sense. Rules
 * see only the fields they speak about, so that they stand above the table they are applied to.
 */
import { existsSync } from 'node:fs';
import { PORT } from '@isthmus/sdk/wire';
import type { RootSource, TokenSource } from './pem-source.js';
import type { OutboundListener, PlaintextTarget, Socks5Listener, WorkloadInfo, WorkloadName } from './workloads.js';

/** Where Kubernetes mounts them for Istio's proxies. */
const ROOT_CERT = './var/run/secrets/istio/root-cert.pem';
const ISTIO_TOKEN = './var/run/secrets/tokens/istio-token';

export interface Completed {
  readonly mode: 'shared' | 'dedicated';
  readonly workload: WorkloadInfo | undefined;
  readonly xdsRootCa: RootSource;
  readonly caAddress: string;
  readonly caRootCa: RootSource;
  readonly authToken: TokenSource | undefined;
  readonly socks5Listeners: readonly Socks5Listener[];
  readonly terminationDeadlineMs: number;
}

/** What `completed` fills from, absent values included. */
type Given = { readonly [Name in keyof Completed]: Completed[Name] | undefined } & Pick<
  Completed,
  'mode' | 'socks5Listeners'
>;

export interface Ruled extends Given {
  readonly terminationGraceSeconds: number | undefined;
  readonly xdsAddress: string;
  readonly podName: string | undefined;
  readonly podNamespace: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly instanceIp: string | undefined;
  readonly enableSocks5: boolean;
  readonly outboundListeners: readonly OutboundListener[];
  readonly inboundPlaintextTargets: readonly PlaintextTarget[];
}

/** Fills what was not given from what was. */
export function completed(values: Ruled, role: string): Completed {
  const mode = role === 'ztunnel' ? values.mode : 'dedicated';
  const workload = values.workload ?? workloadOfPod(values);
  const wantsSocks5 = values.enableSocks5 && mode === 'dedicated' && values.socks5Listeners.length === 0;
  // Read when it is needed, and said to be missing then: it may be mounted later than the proxy starts.
  const xdsRootCa = values.xdsRootCa ?? ({ kind: 'file', path: ROOT_CERT } as const);
  const token = existsSync(ISTIO_TOKEN) ? ({ kind: 'file', path: ISTIO_TOKEN } as const) : undefined;
  return {
    mode,
    workload: mode === 'dedicated' ? workload : undefined,
    xdsRootCa,
    caAddress: values.caAddress ?? values.xdsAddress,
    caRootCa: values.caRootCa ?? xdsRootCa,
    authToken: values.authToken ?? token,
    socks5Listeners:
      wantsSocks5 && workload
        ? [{ workload, address: { host: '127.0.0.1', port: PORT.socks5 } }]
        : values.socks5Listeners,
    terminationDeadlineMs: values.terminationDeadlineMs ?? deadlineWithin(values.terminationGraceSeconds),
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
