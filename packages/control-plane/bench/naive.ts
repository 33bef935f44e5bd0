/** The peer of a push: encodes everything for every client, as a server does that keeps models and no bytes. */
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { encodeService, encodeWorkload } from '@isthmus/sdk/discovery';
import { discoveryPb, RESOURCE_TYPES, workloadPb } from '@isthmus/sdk/wire';
import type { View } from '../src/projection/index.js';

/** Of about 2 MiB, as many as the subject puts into one response. */
const RESOURCES_PER_RESPONSE = 8_000;

export function* encodeNaively({ workloads, services }: View): Generator<Uint8Array> {
  let resources: discoveryPb.Resource[] = [];
  const flush = () => {
    const response = { typeUrl: RESOURCE_TYPES.address.typeUrl, nonce: 'bench', resources };
    resources = [];
    return toBinary(
      discoveryPb.DeltaDiscoveryResponseSchema,
      create(discoveryPb.DeltaDiscoveryResponseSchema, response),
    );
  };
  for (const [name, type] of addresses({ workloads, services })) {
    const resource = anyPack(workloadPb.AddressSchema, create(workloadPb.AddressSchema, { type }));
    resources.push(create(discoveryPb.ResourceSchema, { name, version: 'bench', resource }));
    if (resources.length === RESOURCES_PER_RESPONSE) yield flush();
  }
  yield flush();
}

type AddressType = workloadPb.Address['type'];

function* addresses({ workloads, services }: Pick<View, 'workloads' | 'services'>): Generator<[string, AddressType]> {
  for (const [name, value] of workloads) yield [name, { case: 'workload', value: encodeWorkload(value) }];
  for (const [name, value] of services) yield [name, { case: 'service', value: encodeService(value) }];
}
