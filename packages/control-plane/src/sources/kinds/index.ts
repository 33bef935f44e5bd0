/**
 * THE table of kinds that sources understand. A new kind is a schema file and a row here; readers, duplicate checks and
 * the model's grouping derive from it. Kinds are told apart by API group too: networking.istio.io has a Gateway of its
 * own, which is none of ours.
 */
import type { Infer, Position, Schema } from '../../schema/index.js';
import { authorizationPolicySchema } from './authorization-policy.js';
import { namespaceSchema, nodeSchema } from './core.js';
import { endpointSliceSchema } from './endpoint-slice.js';
import { gatewaySchema } from './gateway.js';
import { peerAuthenticationSchema } from './peer-authentication.js';
import { podSchema } from './pod.js';
import { serviceSchema } from './service.js';
import { serviceEntrySchema } from './service-entry.js';
import { workloadEntrySchema } from './workload-entry.js';

export { parseBlock } from './blocks.js';
export type { Metadata } from './meta.js';
export type { MutualTlsMode } from './peer-authentication.js';

export const KINDS = {
  Namespace: { group: '', schema: namespaceSchema },
  Node: { group: '', schema: nodeSchema },
  Service: { group: '', schema: serviceSchema },
  Pod: { group: '', schema: podSchema },
  EndpointSlice: { group: 'discovery.k8s.io', schema: endpointSliceSchema },
  WorkloadEntry: { group: 'networking.istio.io', schema: workloadEntrySchema },
  ServiceEntry: { group: 'networking.istio.io', schema: serviceEntrySchema },
  Gateway: { group: 'gateway.networking.k8s.io', schema: gatewaySchema },
  AuthorizationPolicy: { group: 'security.istio.io', schema: authorizationPolicySchema },
  PeerAuthentication: { group: 'security.istio.io', schema: peerAuthenticationSchema },
} as const satisfies Record<string, { readonly group: string; readonly schema: Schema<unknown> }>;

export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

/** An object as read, with where it stands. */
export type KubeObject<K extends Kind = Kind> = {
  readonly [P in K]: { readonly kind: P; readonly origin: Position } & Infer<(typeof KINDS)[P]['schema']>;
}[K];

/** All objects of one cluster, each list in the order of namespace and name, whatever the order of files was. */
export type ObjectsByKind = { readonly [K in Kind]: readonly KubeObject<K>[] };
