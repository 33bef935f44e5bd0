import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { decodeResource, formatProblems } from '../../../src/discovery/index.js';
import { discoveryPb, workloadPb } from '../../../src/wire/index.js';
import {
  ADDRESS_URL,
  authorizationResource,
  rawResource,
  serviceResource,
  workloadResource,
} from '../../support/xds-resources.js';

const reason = (...[type, resource]: Parameters<typeof decodeResource>) => {
  const result = decodeResource(type, resource);
  return result.ok ? undefined : formatProblems(result.problems);
};

describe('an xDS resource', () => {
  it('is a workload, a service or a policy', () => {
    const kinds = [
      decodeResource('address', workloadResource()),
      decodeResource('address', serviceResource()),
      decodeResource('authorization', authorizationResource()),
    ].map((result) => result.ok && result.value.kind);

    expect(kinds).toEqual(['workload', 'service', 'policy']);
  });

  it('without payload is refused', () => {
    expect(reason('address', create(discoveryPb.ResourceSchema, { name: 'x' }))).toBe('resource: absent');
  });

  it('that is no protobuf is refused', () => {
    const garbage = rawResource(ADDRESS_URL, 'x', '1', Uint8Array.of(0x0a, 0xff));

    expect(reason('address', garbage)).toMatch(/^resource: not a istio\.workload\.Address: /);
  });

  it('with an address that is neither workload nor service is refused', () => {
    const empty = rawResource(ADDRESS_URL, 'x', '1', new Uint8Array());

    expect(reason('address', empty)).toMatch(/^address: neither workload nor service is set/);
  });

  it('under another name than its key is refused: nothing could remove it later', () => {
    const resource = { ...workloadResource({ uid: 'east//Pod/shop/a' }), name: 'east//Pod/shop/b' };

    expect(reason('address', resource)).toBe('name: "east//Pod/shop/b" should be "east//Pod/shop/a"');
  });

  it('with fields of a later version is taken', () => {
    const known = toBinary(
      workloadPb.AddressSchema,
      create(workloadPb.AddressSchema, { type: { case: 'workload', value: { uid: 'u' } } }),
    );
    // Field 200, a string.
    const later = Uint8Array.of(...known, 0xc2, 0x0c, 0x01, 0x61);

    expect(reason('address', rawResource(ADDRESS_URL, 'u', '1', later))).toBeUndefined();
  });

  it('is decoded by the type of its response, whatever its own says', () => {
    const resource = workloadResource();
    const mislabelled = rawResource(
      'type.example/other',
      resource.name,
      '1',
      resource.resource?.value ?? new Uint8Array(),
    );

    expect(reason('address', mislabelled)).toBeUndefined();
  });
});
