/**
 * THE table of xDS resource types: what is on the wire, how it is decoded, and which name a resource must bear. Clients
 * subscribe to the rows in this order (Istio's: addresses first), servers answer them.
 *
 * The name is derived from the payload because removals come by name only: a resource stored under another name than it
 * is later removed by would stay for ever.
 */
import type { Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { type Authorization, AuthorizationSchema } from './gen/authorization_pb.js';
import { type Address, AddressSchema } from './gen/workload_pb.js';

/** One type of resource. `M` is its generated message. */
export interface ResourceType<M extends Message = Message> {
  readonly typeUrl: string;
  /** As Istio abbreviates it in status pages and logs. */
  readonly shortName: string;
  readonly schema: GenMessage<M>;
  /** The xDS resource name this payload must come under; undefined when the payload does not say. */
  key(message: M): string | undefined;
}

export const RESOURCE_TYPES = {
  address: {
    typeUrl: 'type.googleapis.com/istio.workload.Address',
    shortName: 'WDS',
    schema: AddressSchema,
    key: ({ type }: Address) => {
      if (type.case === 'workload') return type.value.uid;
      return type.case === 'service' ? `${type.value.namespace}/${type.value.hostname}` : undefined;
    },
  },
  authorization: {
    typeUrl: 'type.googleapis.com/istio.security.Authorization',
    shortName: 'WADS',
    schema: AuthorizationSchema,
    key: ({ namespace, name }: Authorization) => `${namespace}/${name}`,
  },
} as const satisfies { readonly address: ResourceType<Address>; readonly authorization: ResourceType<Authorization> };

export type ResourceTypeName = keyof typeof RESOURCE_TYPES;
export const RESOURCE_TYPE_NAMES = Object.keys(RESOURCE_TYPES) as readonly ResourceTypeName[];

/** The row of that type URL; undefined when this project does not know it. */
export function resourceTypeByUrl(typeUrl: string): ResourceTypeName | undefined {
  return RESOURCE_TYPE_NAMES.find((name) => RESOURCE_TYPES[name].typeUrl === typeUrl);
}
