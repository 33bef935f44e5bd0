/**
 * Resources to bytes, once: every subscriber is sent the same ones. A version is a hash of the content, so it is the
 * same on every replica and after every restart, and a proxy that comes back is sent differences only.
 */
import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Authorization, Service, Workload } from '@isthmus/sdk/discovery';
import { encodeAuthorization, encodeService, encodeWorkload } from '@isthmus/sdk/discovery';
import { authorizationPb, encodeResource, RESOURCE_TYPES, type ResourceTypeName, workloadPb } from '@isthmus/sdk/wire';
import { mergeMaps } from '../model/index.js';
import type { NamespaceView, View } from '../projection/index.js';

export interface EncodedResource {
  readonly name: string;
  readonly version: string;
  /** One entry of `DeltaDiscoveryResponse.resources`. */
  readonly bytes: Uint8Array;
}

/** By name. */
export type EncodedResources = ReadonlyMap<string, EncodedResource>;

/** The shards of a view, encoded; a shard that was encoded before is the same object again. */
export interface EncodedShards {
  /** Of addresses, by namespace. */
  readonly namespaces: ReadonlyMap<string, EncodedResources>;
  readonly policies: EncodedResources;
}

/** Sixteen hexadecimal digits, as long as Istio's; ztunnel takes any text. */
const VERSION_DIGITS = 16;

export interface Encoder {
  /** What says the same as in `previous` is taken from there. */
  encode(view: View, previous?: EncodedShards): EncodedShards;
}

export function createEncoder(): Encoder {
  const resources = new WeakMap<object, EncodedResource>();
  const shards = new WeakMap<object, EncodedResources>();

  function encodeAll<T extends object>(
    values: ReadonlyMap<string, T>,
    previous: EncodedResources | undefined,
    encodeValue: (name: string, value: T) => EncodedResource,
  ): EncodedResources {
    const encoded = new Map<string, EncodedResource>();
    for (const [name, value] of values) {
      const known = resources.get(value) ?? keepEqual(previous?.get(name), encodeValue(name, value));
      resources.set(value, known);
      encoded.set(name, known);
    }
    return encoded;
  }

  function encodeNamespace(view: NamespaceView, previous: EncodedResources | undefined): EncodedResources {
    const known = shards.get(view);
    if (known) return known;
    const encoded = mergeMaps([
      encodeAll(view.workloads, previous, encodeWorkloadAddress),
      encodeAll(view.services, previous, encodeServiceAddress),
    ]);
    shards.set(view, encoded);
    return encoded;
  }

  return {
    encode({ namespaces, policies }, previous) {
      const encoded = [...namespaces].map(([name, view]): [string, EncodedResources] => {
        return [name, encodeNamespace(view, previous?.namespaces.get(name))];
      });
      return { namespaces: new Map(encoded), policies: encodeAll(policies, previous?.policies, encodePolicy) };
    },
  };
}

function keepEqual(previous: EncodedResource | undefined, next: EncodedResource): EncodedResource {
  return previous?.version === next.version ? previous : next;
}

function encodeWorkloadAddress(name: string, value: Workload): EncodedResource {
  return encodeAddress(name, { case: 'workload', value: encodeWorkload(value) });
}

function encodeServiceAddress(name: string, value: Service): EncodedResource {
  return encodeAddress(name, { case: 'service', value: encodeService(value) });
}

function encodeAddress(name: string, type: workloadPb.Address['type']): EncodedResource {
  return encodeOne('address', name, toBinary(workloadPb.AddressSchema, create(workloadPb.AddressSchema, { type })));
}

function encodePolicy(name: string, value: Authorization): EncodedResource {
  return encodeOne('authorization', name, toBinary(authorizationPb.AuthorizationSchema, encodeAuthorization(value)));
}

function encodeOne(type: ResourceTypeName, name: string, value: Uint8Array): EncodedResource {
  const version = createHash('sha256').update(value).digest('hex').slice(0, VERSION_DIGITS);
  return { name, version, bytes: encodeResource({ name, version, typeUrl: RESOURCE_TYPES[type].typeUrl, value }) };
}
