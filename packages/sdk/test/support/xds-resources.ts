/** xDS resources as a control plane would send them, from the few fields a test cares about. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { authorizationPb, discoveryPb, RESOURCE_TYPES, workloadPb } from '../../src/wire/index.js';

export type WorkloadInit = MessageInitShape<typeof workloadPb.WorkloadSchema>;
export type ServiceInit = MessageInitShape<typeof workloadPb.ServiceSchema>;
export type AuthorizationInit = MessageInitShape<typeof authorizationPb.AuthorizationSchema>;

export const ADDRESS_URL = RESOURCE_TYPES.address.typeUrl;
export const AUTHORIZATION_URL = RESOURCE_TYPES.authorization.typeUrl;

export function workloadMessage(init: WorkloadInit = {}): workloadPb.Workload {
  return create(workloadPb.WorkloadSchema, { uid: 'east//Pod/shop/reviews-1', namespace: 'shop', ...init });
}

export function serviceMessage(init: ServiceInit = {}): workloadPb.Service {
  return create(workloadPb.ServiceSchema, { namespace: 'shop', hostname: 'reviews.shop.svc.cluster.local', ...init });
}

export function authorizationMessage(init: AuthorizationInit = {}): authorizationPb.Authorization {
  return create(authorizationPb.AuthorizationSchema, { namespace: 'shop', name: 'only-reviews', ...init });
}

/** A resource whose payload is any bytes. */
export function rawResource(typeUrl: string, name: string, version: string, value: Uint8Array): discoveryPb.Resource {
  return create(discoveryPb.ResourceSchema, { name, version, resource: { typeUrl, value } });
}

export function workloadResource(init: WorkloadInit = {}, version = '1'): discoveryPb.Resource {
  const value = workloadMessage(init);
  return addressResource(value.uid, version, { case: 'workload', value });
}

export function serviceResource(init: ServiceInit = {}, version = '1'): discoveryPb.Resource {
  const value = serviceMessage(init);
  return addressResource(`${value.namespace}/${value.hostname}`, version, { case: 'service', value });
}

export function authorizationResource(init: AuthorizationInit = {}, version = ''): discoveryPb.Resource {
  const message = authorizationMessage(init);
  const bytes = toBinary(authorizationPb.AuthorizationSchema, message);
  return rawResource(AUTHORIZATION_URL, `${message.namespace}/${message.name}`, version, bytes);
}

function addressResource(name: string, version: string, type: workloadPb.Address['type']): discoveryPb.Resource {
  const bytes = toBinary(workloadPb.AddressSchema, create(workloadPb.AddressSchema, { type }));
  return rawResource(ADDRESS_URL, name, version, bytes);
}
