/** Requests as proxies send them, and responses as they read them. */
import { create, fromBinary } from '@bufbuild/protobuf';
import { discoveryPb, RESOURCE_TYPES } from '@isthmus/sdk/wire';
import type { Outgoing, Session, VersionedView } from '../../src/xds/index.js';

export const ADDRESS = RESOURCE_TYPES.address.typeUrl;
export const AUTHORIZATION = RESOURCE_TYPES.authorization.typeUrl;

type Request = Parameters<typeof create<typeof discoveryPb.DeltaDiscoveryRequestSchema>>[1];

export function request(typeUrl: string, more: Request = {}): discoveryPb.DeltaDiscoveryRequest {
  return create(discoveryPb.DeltaDiscoveryRequestSchema, { typeUrl, ...more });
}

export interface ReadResponse {
  readonly type: 'address' | 'authorization' | 'other';
  readonly names: readonly string[];
  readonly removed: readonly string[];
  readonly nonce: string;
  readonly message: discoveryPb.DeltaDiscoveryResponse;
}

export function readResponse(message: discoveryPb.DeltaDiscoveryResponse): ReadResponse {
  return {
    type: message.typeUrl === ADDRESS ? 'address' : message.typeUrl === AUTHORIZATION ? 'authorization' : 'other',
    names: message.resources.map(({ name }) => name),
    removed: message.removedResources,
    nonce: message.nonce,
    message,
  };
}

export function readOutgoing({ bytes }: Outgoing): ReadResponse {
  return readResponse(fromBinary(discoveryPb.DeltaDiscoveryResponseSchema, bytes));
}

/** Everything the session has to say about a view. */
export function drain(session: Session, view: VersionedView): readonly ReadResponse[] {
  const responses: ReadResponse[] = [];
  for (let next = session.next(view); next; next = session.next(view)) responses.push(readOutgoing(next));
  return responses;
}
