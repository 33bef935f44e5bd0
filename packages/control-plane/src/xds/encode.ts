/**
 * Resources to bytes, once: every subscriber is sent the same ones. A version is a hash of the content, so it is the
 * same on every replica and after every restart, and a proxy that comes back is sent differences only.
 */
import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { encodeAuthorization, encodeService, encodeWorkload } from '@isthmus/sdk/discovery';
import { authorizationPb, encodeResource, RESOURCE_TYPES, type ResourceTypeName, workloadPb } from '@isthmus/sdk/wire';
import type { View } from '../projection/index.js';

export interface EncodedResource {
  readonly name: string;
  readonly version: string;
  /** One entry of `DeltaDiscoveryResponse.resources`. */
  readonly bytes: Uint8Array;
}

export type EncodedView = Readonly<Record<ResourceTypeName, ReadonlyMap<string, EncodedResource>>>;

/** Sixteen hexadecimal digits, as long as Istio's; ztunnel takes any text. */
const VERSION_DIGITS = 16;

export interface Encoder {
  encode(view: View): EncodedView;
}

export function createEncoder(): Encoder {
  // By object: what the projection left alone is not encoded again.
  const known = new WeakMap<object, EncodedResource>();

  function encodeAll<T extends object>(
    type: ResourceTypeName,
    values: ReadonlyMap<string, T>,
    toBytes: (value: T) => Uint8Array,
  ): readonly (readonly [string, EncodedResource])[] {
    return [...values].map(([name, value]) => {
      let encoded = known.get(value);
      if (!encoded) {
        encoded = encodeOne(type, name, toBytes(value));
        known.set(value, encoded);
      }
      return [name, encoded] as const;
    });
  }

  return {
    encode: ({ workloads, services, policies }) => ({
      address: new Map([
        ...encodeAll('address', workloads, (value) => addressBytes({ case: 'workload', value: encodeWorkload(value) })),
        ...encodeAll('address', services, (value) => addressBytes({ case: 'service', value: encodeService(value) })),
      ]),
      authorization: new Map(
        encodeAll('authorization', policies, (value) => {
          return toBinary(authorizationPb.AuthorizationSchema, encodeAuthorization(value));
        }),
      ),
    }),
  };
}

function addressBytes(type: workloadPb.Address['type']): Uint8Array {
  return toBinary(workloadPb.AddressSchema, create(workloadPb.AddressSchema, { type }));
}

function encodeOne(type: ResourceTypeName, name: string, value: Uint8Array): EncodedResource {
  const version = createHash('sha256').update(value).digest('hex').slice(0, VERSION_DIGITS);
  return { name, version, bytes: encodeResource({ name, version, typeUrl: RESOURCE_TYPES[type].typeUrl, value }) };
}
