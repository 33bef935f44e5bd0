/** Who a subscriber says it is. The claim is checked against its verified identity: see the server. */
import type { discoveryPb } from '@isthmus/sdk/wire';
import { VIEWER_ROLES, type ViewerRole } from '../projection/index.js';

export interface ProxyNode {
  readonly id: string;
  readonly role: ViewerRole;
  /** Pod name and namespace, as in the id. */
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  /** The Kubernetes node, metadata NODE_NAME; empty when not sent. */
  readonly workerNode: string;
  /** Metadata CLUSTER_ID, when sent. */
  readonly cluster?: string;
}

export type ParsedNode =
  | { readonly ok: true; readonly node: ProxyNode }
  | { readonly ok: false; readonly reason: string };

/** `<type>~<ip>~<pod>.<namespace>~<dns domain>`. */
export function parseNode(message: discoveryPb.Node | undefined): ParsedNode {
  const id = message?.id ?? '';
  if (id === '') return { ok: false, reason: 'missing node information: the first request has to carry node.id' };
  const pieces = id.split('~');
  const [type = '', ip = '', name = '', domain = ''] = pieces;
  if (pieces.length !== 4)
    return { ok: false, reason: `node id "${shorten(id)}" is not <type>~<ip>~<pod>.<namespace>~<domain>` };
  const role = VIEWER_ROLES.find((candidate) => candidate === type);
  if (!role)
    return { ok: false, reason: `node type "${shorten(type)}" is not served; known: ${VIEWER_ROLES.join(', ')}` };
  const { NAMESPACE, CLUSTER_ID, NODE_NAME } = message?.metadata ?? {};
  const namespace = typeof NAMESPACE === 'string' && NAMESPACE !== '' ? NAMESPACE : (domain.split('.')[0] ?? '');
  const cluster = typeof CLUSTER_ID === 'string' && CLUSTER_ID !== '' ? { cluster: CLUSTER_ID } : {};
  const workerNode = typeof NODE_NAME === 'string' ? NODE_NAME : '';
  return { ok: true, node: { id, role, name, namespace, ip, workerNode, ...cluster } };
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
