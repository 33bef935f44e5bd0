/**
 * Delta responses put together from resources that are encoded already: a server with a thousand subscribers encodes a
 * resource once, and each response only strings the same bytes together.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { DeltaDiscoveryResponseSchema, type Resource, ResourceSchema } from './gen/discovery_pb.js';

export interface SharedDeltaResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly systemVersionInfo?: string;
  /** Who says so, as `control_plane.identifier`. */
  readonly controlPlane?: string;
  /** Each from `encodeResource`. */
  readonly resources: readonly Uint8Array[];
  readonly removedResources: readonly string[];
}

/** The bytes of one entry of `DeltaDiscoveryResponse.resources`. */
export function encodeResource(resource: Pick<Resource, 'name' | 'version'> & { typeUrl: string; value: Uint8Array }) {
  const { name, version, typeUrl, value } = resource;
  return toBinary(ResourceSchema, create(ResourceSchema, { name, version, resource: { typeUrl, value } }));
}

/** The same resource under another name, or known by further ones; for who asked by an alias (xDS: `Resource.aliases`). */
export function renameResource(bytes: Uint8Array, names: Pick<Resource, 'name' | 'aliases'>): Uint8Array {
  return toBinary(ResourceSchema, { ...fromBinary(ResourceSchema, bytes), ...names });
}

/** The bytes of the whole response; what the delta method's server side sends as it is. */
export function encodeDeltaResponse(response: SharedDeltaResponse): Uint8Array {
  const { typeUrl, nonce, systemVersionInfo = '', controlPlane: identifier, resources, removedResources } = response;
  const field = DeltaDiscoveryResponseSchema.field.resources.number;
  const writer = new BinaryWriter();
  for (const resource of resources) writer.tag(field, WireType.LengthDelimited).bytes(resource);
  // Proto fields may come in any order, so the rest is an ordinary message appended after the resources.
  const rest = create(DeltaDiscoveryResponseSchema, {
    typeUrl,
    nonce,
    systemVersionInfo,
    ...(identifier !== undefined && { controlPlane: { identifier } }),
    removedResources: [...removedResources],
  });
  return writer.raw(toBinary(DeltaDiscoveryResponseSchema, rest)).finish();
}
