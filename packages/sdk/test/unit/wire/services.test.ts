import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  certificateService,
  citadelPb,
  discoveryPb,
  discoveryService,
  encodeDeltaResponse,
  encodeResource,
  FAULTS,
  Fault,
  RESOURCE_TYPES,
  resourceTypeByUrl,
  workloadPb,
} from '../../../src/wire/index.js';

const delta = discoveryService.deltaAggregatedResources;

describe('gRPC methods', () => {
  it('have the paths of Envoy and Istio', () => {
    expect(delta.path).toBe('/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources');
    expect(certificateService.createCertificate.path).toBe('/istio.v1.auth.IstioCertificateService/CreateCertificate');
  });

  it('stream both ways for discovery and neither way for certificates', () => {
    const { createCertificate } = certificateService;

    expect([delta.requestStream, delta.responseStream]).toEqual([true, true]);
    expect([createCertificate.requestStream, createCertificate.responseStream]).toEqual([false, false]);
  });

  it('carry messages unchanged', () => {
    const request = create(citadelPb.IstioCertificateRequestSchema, {
      csr: 'pem',
      validityDuration: 86_400n,
      metadata: { ImpersonatedIdentity: 'spiffe://td/ns/n/sa/s' },
    });
    const { requestSerialize, requestDeserialize } = certificateService.createCertificate;

    expect(requestDeserialize(requestSerialize(request))).toEqual(request);
  });

  it('send bytes that are encoded already as they are', () => {
    const bytes = Uint8Array.of(1, 2, 3);

    expect([...delta.responseSerialize(bytes)]).toEqual([1, 2, 3]);
  });
});

describe('a delta response from shared resources', () => {
  it('decodes like one that was encoded whole', () => {
    const value = toBinary(
      workloadPb.AddressSchema,
      create(workloadPb.AddressSchema, { type: { case: 'workload', value: { uid: 'east//Pod/shop/reviews-1' } } }),
    );
    const { typeUrl } = RESOURCE_TYPES.address;
    const whole = create(discoveryPb.DeltaDiscoveryResponseSchema, {
      typeUrl,
      nonce: 'n-7',
      systemVersionInfo: 'v9',
      controlPlane: { identifier: 'who' },
      resources: [
        { name: 'a', version: '1', resource: { typeUrl, value } },
        { name: 'b', version: '', resource: { typeUrl, value } },
      ],
      removedResources: ['x', 'y'],
    });

    const shared = encodeDeltaResponse({
      typeUrl,
      nonce: 'n-7',
      systemVersionInfo: 'v9',
      controlPlane: 'who',
      resources: [
        encodeResource({ name: 'a', version: '1', typeUrl, value }),
        encodeResource({ name: 'b', version: '', typeUrl, value }),
      ],
      removedResources: ['x', 'y'],
    });

    expect(fromBinary(discoveryPb.DeltaDiscoveryResponseSchema, shared)).toEqual(whole);
  });
});

describe('the table of resource types', () => {
  it('names the types by their URL', () => {
    expect(resourceTypeByUrl('type.googleapis.com/istio.workload.Address')).toBe('address');
    expect(resourceTypeByUrl('type.googleapis.com/istio.security.Authorization')).toBe('authorization');
    expect(resourceTypeByUrl('type.googleapis.com/envoy.config.cluster.v3.Cluster')).toBeUndefined();
  });

  it('derives the name a resource must bear', () => {
    const { key } = RESOURCE_TYPES.address;
    const address = (init: Parameters<typeof create<typeof workloadPb.AddressSchema>>[1]) =>
      create(workloadPb.AddressSchema, init);

    expect(key(address({ type: { case: 'workload', value: { uid: 'u' } } }))).toBe('u');
    expect(key(address({ type: { case: 'service', value: { namespace: 'n', hostname: 'h' } } }))).toBe('n/h');
    expect(key(address({}))).toBeUndefined();
  });
});

describe('the fault table', () => {
  it('gives every fault a remedy that reads as a sentence', () => {
    for (const [code, { hint }] of Object.entries(FAULTS)) {
      expect(hint, code).toMatch(/^\S.{20,}[.?]$/);
    }
  });

  it('is reachable from a fault, which keeps its cause', () => {
    const cause = new Error('ECONNREFUSED');

    const fault = new Fault('CONNECT_FAILED', '10.0.0.1:15008 refused', { cause });

    expect(fault.row).toBe(FAULTS.CONNECT_FAILED);
    expect(fault.cause).toBe(cause);
    expect(fault.name).toBe('Fault');
  });
});
