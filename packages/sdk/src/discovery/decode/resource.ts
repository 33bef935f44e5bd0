/**
 * One xDS resource -> model, or all that is wrong with it. The Any's own type URL is not looked at, as in ztunnel: the
 * response's type says what its resources are.
 */
import { fromBinary, type Message } from '@bufbuild/protobuf';
import type { discoveryPb, workloadPb } from '../../wire/protos.js';
import { RESOURCE_TYPES, type ResourceType, type ResourceTypeName } from '../../wire/resource-types.js';
import type { ResourceModel } from '../model.js';
import { decodeAuthorization } from './authorization.js';
import type { Decoded } from './problems.js';
import { decodeService } from './service.js';
import { decodeWorkload } from './workload.js';

/** `isAlias` tells names under which any resource may come, because they were asked for. */
export function decodeResource(
  type: ResourceTypeName,
  resource: discoveryPb.Resource,
  isAlias: (name: string) => boolean = () => false,
): Decoded<ResourceModel> {
  switch (type) {
    case 'address':
      return decodePayload(RESOURCE_TYPES.address, resource, isAlias, decodeAddress);
    case 'authorization':
      return decodePayload(RESOURCE_TYPES.authorization, resource, isAlias, (message) =>
        kindOf('policy', decodeAuthorization(message)),
      );
  }
}

export function decodeAddress({ type }: workloadPb.Address): Decoded<ResourceModel> {
  switch (type.case) {
    case 'workload':
      return kindOf('workload', decodeWorkload(type.value));
    case 'service':
      return kindOf('service', decodeService(type.value));
    default:
      return problem('address', 'neither workload nor service is set; a newer kind of resource, perhaps');
  }
}

function decodePayload<M extends Message>(
  type: ResourceType<M>,
  { name, resource }: discoveryPb.Resource,
  isAlias: (name: string) => boolean,
  decode: (message: M) => Decoded<ResourceModel>,
): Decoded<ResourceModel> {
  if (!resource) return problem('resource', 'absent');
  let message: M;
  try {
    message = fromBinary(type.schema, resource.value) as M;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return problem('resource', `not a ${type.schema.typeName}: ${reason}`);
  }
  const decoded = decode(message);
  const key = type.key(message);
  // Removals come by resource name: what is stored under another key could never be removed again.
  return decoded.ok && key !== name && !isAlias(name) ? problem('name', `"${name}" should be "${key}"`) : decoded;
}

function kindOf<Kind extends string, T>(kind: Kind, decoded: Decoded<T>): Decoded<{ kind: Kind; value: T }> {
  return decoded.ok ? { ok: true, value: { kind, value: decoded.value } } : decoded;
}

function problem(path: string, message: string): Decoded<never> {
  return { ok: false, problems: [{ path, message }] };
}
