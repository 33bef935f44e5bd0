/** Who a subscriber says it is. The claim is checked against its verified identity: see the server. */
import type { discoveryPb } from '@isthmus/sdk/wire';
import { isIngress } from '../model/index.js';
import type { ViewerRole } from '../projection/index.js';

export interface ProxyNode {
  readonly id: string;
  /** As in the id, which is Istio's word for it. */
  readonly type: (typeof NODE_TYPES)[number];
  readonly role: ViewerRole;
  /** Pod name and namespace, as in the id. */
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  /** The Kubernetes node, metadata NODE_NAME; empty when not sent. */
  readonly workerNode: string;
  /** Metadata CLUSTER_ID, when sent. */
  readonly cluster?: string;
  /** Of its software: of Istio, by metadata ISTIO_VERSION; else what the program says it is. Empty when not sent. */
  readonly version: string;
}

export type ParsedNode =
  | { readonly ok: true; readonly node: ProxyNode }
  | { readonly ok: false; readonly reason: string };

/** Istio's types of nodes. Ingress gateways and east-west gateways are of one type, and their labels tell them apart. */
const NODE_TYPES = ['ztunnel', 'waypoint', 'router'] as const;
/** It is in every line of the log; names of pods and namespaces have 253 and 63 characters at most. */
const MAX_ID_LENGTH = 1_024;

/** `<type>~<ip>~<pod>.<namespace>~<dns domain>`. */
export function parseNode(message: discoveryPb.Node | undefined): ParsedNode {
  const id = message?.id ?? '';
  if (id === '') return { ok: false, reason: 'missing node information: the first request has to carry node.id' };
  if (id.length > MAX_ID_LENGTH)
    return { ok: false, reason: `node.id has ${id.length} characters, there may be ${MAX_ID_LENGTH}` };
  const pieces = id.split('~');
  const [type = '', ip = '', name = '', domain = ''] = pieces;
  if (pieces.length !== 4)
    return { ok: false, reason: `node id "${shorten(id)}" is not <type>~<ip>~<pod>.<namespace>~<domain>` };
  const known = NODE_TYPES.find((candidate) => candidate === type);
  if (!known)
    return { ok: false, reason: `node type "${shorten(type)}" is not served; known: ${NODE_TYPES.join(', ')}` };
  const { NAMESPACE, CLUSTER_ID, NODE_NAME, LABELS } = message?.metadata ?? {};
  const role = known === 'router' && isIngress(labelsOf(LABELS)) ? 'ingress' : known;
  const namespace = typeof NAMESPACE === 'string' && NAMESPACE !== '' ? NAMESPACE : (domain.split('.')[0] ?? '');
  const cluster = typeof CLUSTER_ID === 'string' && CLUSTER_ID !== '' ? { cluster: CLUSTER_ID } : {};
  const workerNode = typeof NODE_NAME === 'string' ? NODE_NAME.slice(0, MAX_ID_LENGTH) : '';
  const version = versionOf(message);
  return { ok: true, node: { id, type: known, role, name, namespace, ip, workerNode, ...cluster, version } };
}

function versionOf(message: discoveryPb.Node | undefined): string {
  const { userAgentName: agent = '', userAgentVersionType: typed, metadata } = message ?? {};
  const istio = metadata?.ISTIO_VERSION;
  if (typeof istio === 'string' && istio !== '') return shorten(istio);
  if (typed?.case === 'userAgentVersion') return shorten(`${agent} ${typed.value}`.trim());
  const build = typed?.case === 'userAgentBuildVersion' ? typed.value.version : undefined;
  if (!build) return shorten(agent);
  return shorten(`${agent} ${[build.majorNumber, build.minorNumber, build.patch].join('.')}`.trim());
}

/** What is no text in it is no label. */
function labelsOf(metadata: unknown): Readonly<Record<string, string>> {
  if (typeof metadata !== 'object' || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === 'string'));
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
