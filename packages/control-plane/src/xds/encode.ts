/**
 * Resources to bytes, once: every subscriber is sent the same ones. A version is a hash of the content, so it is the
 * same on every replica and after every restart, and a proxy that comes back is sent differences only.
 */
import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Authorization, Service, Workload } from '@isthmus/sdk/discovery';
import { encodeAuthorization, encodeService, encodeWorkload } from '@isthmus/sdk/discovery';
import { authorizationPb, encodeResource, RESOURCE_TYPES, type ResourceTypeName, workloadPb } from '@isthmus/sdk/wire';
import type { NamespaceView, View } from '../projection/index.js';

export interface EncodedResource {
  readonly name: string;
  readonly version: string;
  /** One entry of `DeltaDiscoveryResponse.resources`; made at each look. */
  readonly bytes: Uint8Array;
  /** Number of the bytes. */
  readonly size: number;
}

/** By name. */
export type EncodedResources = ReadonlyMap<string, EncodedResource>;

/** A view, encoded by its shards; a shard of the view before is the same object again. */
export interface EncodedView {
  readonly view: View;
  /** Addresses, by namespace. */
  readonly namespaces: ReadonlyMap<string, EncodedResources>;
  readonly policies: EncodedResources;
}

/** Sixteen hexadecimal digits, as long as Istio's; ztunnel takes any text. */
const VERSION_BYTES = 8;

/** What says the same as in `previous` is taken from there. */
export function encodeView(view: View, previous?: EncodedView): EncodedView {
  const namespaces = new Map<string, EncodedResources>();
  for (const [name, namespace] of view.namespaces) {
    const before = previous?.namespaces.get(name);
    const past = previous?.view.namespaces.get(name);
    const isSame = before && past === namespace;
    namespaces.set(
      name,
      isSame ? before : encodeNamespace(namespace, past && before && { view: past, encoded: before }),
    );
  }
  const policies = [...view.policies.values()].map((policy) => encodePolicy(policy.key, policy));
  return { view, namespaces, policies: keepAndPack(policies, previous?.policies) };
}

interface Past {
  readonly view: NamespaceView;
  readonly encoded: EncodedResources;
}

function encodeNamespace({ workloads, services }: NamespaceView, past: Past | undefined): EncodedResources {
  const encoded: EncodedResource[] = [];
  for (const [name, workload] of workloads) {
    const known = past?.view.workloads.get(name) === workload ? past.encoded.get(name) : undefined;
    encoded.push(known ?? encodeWorkloadAddress(name, workload));
  }
  for (const [name, service] of services) encoded.push(encodeServiceAddress(name, service));
  return keepAndPack(encoded, past?.encoded);
}

/** A piece of a buffer that others share. The view of it is made when it is sent: kept, each costs more than the rest of it. */
class Packed implements EncodedResource {
  readonly name: string;
  readonly version: string;
  readonly size: number;
  readonly #slab: Uint8Array;
  readonly #start: number;

  constructor(name: string, version: string, slab: Uint8Array, start: number, size: number) {
    this.name = name;
    this.version = version;
    this.#slab = slab;
    this.#start = start;
    this.size = size;
  }

  get bytes(): Uint8Array {
    return this.#slab.subarray(this.#start, this.#start + this.size);
  }
}

/** New bytes of one shard share one buffer: a hundred thousand small ones cost more than what is in them. */
function keepAndPack(encoded: readonly EncodedResource[], previous: EncodedResources | undefined): EncodedResources {
  const isKept = ({ name, version }: EncodedResource) => previous?.get(name)?.version === version;
  const fresh = encoded.filter((resource) => !isKept(resource));
  const slab = new Uint8Array(fresh.reduce((sum, { size }) => sum + size, 0));
  let end = 0;
  const packed = new Map<string, EncodedResource>();
  for (const resource of encoded) {
    const { name, version, size } = resource;
    const before = previous?.get(name);
    if (before?.version === version) {
      packed.set(name, before);
      continue;
    }
    slab.set(resource.bytes, end);
    packed.set(name, new Packed(name, version, slab, end, size));
    end += size;
  }
  return packed;
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
  // Not cut out of the whole digest's text, which would be kept with it.
  const version = createHash('sha256').update(value).digest().toString('hex', 0, VERSION_BYTES);
  const bytes = encodeResource({ name, version, typeUrl: RESOURCE_TYPES[type].typeUrl, value });
  return { name, version, bytes, size: bytes.length };
}
