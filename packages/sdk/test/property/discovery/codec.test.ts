import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeAuthorization,
  decodeResource,
  decodeService,
  decodeWorkload,
  encodeAuthorization,
  encodeService,
  encodeWorkload,
} from '../../../src/discovery/index.js';
import { authorizationPb, workloadPb } from '../../../src/wire/index.js';
import { policy, service, workload } from '../../support/discovery-arbitraries.js';
import { ADDRESS_URL, AUTHORIZATION_URL, rawResource } from '../../support/xds-resources.js';

describe('models', () => {
  it('of workloads survive the way over the wire', () => {
    fc.assert(
      fc.property(workload, (model) => {
        const { WorkloadSchema } = workloadPb;
        const message = fromBinary(WorkloadSchema, toBinary(WorkloadSchema, encodeWorkload(model)));

        expect(decodeWorkload(message)).toEqual({ ok: true, value: model });
      }),
      { seed: 21 },
    );
  });

  it('of services survive the way over the wire', () => {
    fc.assert(
      fc.property(service, (model) => {
        const { ServiceSchema } = workloadPb;
        const message = fromBinary(ServiceSchema, toBinary(ServiceSchema, encodeService(model)));

        expect(decodeService(message)).toEqual({ ok: true, value: model });
      }),
      { seed: 22 },
    );
  });

  it('of policies survive the way over the wire', () => {
    fc.assert(
      fc.property(policy, (model) => {
        const { AuthorizationSchema } = authorizationPb;
        const message = fromBinary(AuthorizationSchema, toBinary(AuthorizationSchema, encodeAuthorization(model)));

        expect(decodeAuthorization(message)).toEqual({ ok: true, value: model });
      }),
      { seed: 23, numRuns: 30 },
    );
  });
});

describe('decoding', () => {
  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(['address', ADDRESS_URL] as const, ['authorization', AUTHORIZATION_URL] as const),
        fc.uint8Array({ maxLength: 200, size: 'max' }),
        ([type, url], bytes) => {
          const result = decodeResource(type, rawResource(url, 'x', '1', bytes));

          expect(result.ok || result.problems.length > 0).toBe(true);
        },
      ),
      { seed: 24, numRuns: 2_000 },
    );
  });

  it('never throws on a good resource with any byte changed', () => {
    fc.assert(
      fc.property(workload, fc.nat(), fc.nat(255), (model, position, byte) => {
        const bytes = toBinary(workloadPb.WorkloadSchema, encodeWorkload(model));
        bytes[position % bytes.length] = byte;
        // The field `workload` of Address, by hand: tag 1, length-delimited.
        const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
        const address = Uint8Array.of(0x0a, ...length, ...bytes);

        const result = decodeResource('address', rawResource(ADDRESS_URL, model.uid, '1', address));

        expect(result.ok || result.problems.length > 0).toBe(true);
      }),
      { seed: 25, numRuns: 1_000 },
    );
  });
});
