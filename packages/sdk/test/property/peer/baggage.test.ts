import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePeerBaggage, encodePeerBaggage, type PeerMetadata, WORKLOAD_TYPES } from '../../../src/peer/index.js';
import { anyText } from '../../support/any-text.js';

/** Any text a field may hold: not empty, at most 253 characters, no control characters, whole code points. */
const text = fc
  .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), fc.stringMatching(/^[ ,;=%"\\a-z0-9.-]{1,60}$/))
  .filter((value) => value.length <= 253 && !/\p{Cc}/u.test(value));

const metadata: fc.Arbitrary<PeerMetadata> = fc
  .record(
    {
      cluster: text,
      namespace: text,
      service: fc.record({ canonicalName: text, app: text }),
      revision: fc.record({ canonicalRevision: text, version: text }),
      workload: fc.record({ workload: text, workloadType: fc.constantFrom(...WORKLOAD_TYPES) }),
      instance: text,
      region: text,
      zone: text,
    },
    { requiredKeys: [] },
  )
  .map(({ service, revision, workload, ...rest }) => ({ ...rest, ...service, ...revision, ...workload }));

describe('peer baggage', () => {
  it('reads back any metadata that names service and app, revision and version, workload and type together', () => {
    fc.assert(
      fc.property(metadata, (sent) => {
        const read = decodePeerBaggage([encodePeerBaggage(sent)]);

        expect(read ?? {}).toEqual(sent);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('is visible ASCII without spaces whatever the metadata', () => {
    fc.assert(
      fc.property(metadata, (sent) => {
        expect(encodePeerBaggage(sent)).toMatch(/^[!-~]*$/);
      }),
      { seed: 8 },
    );
  });

  it('reads any bytes without throwing, and never a field that is empty', () => {
    const line = fc.oneof(
      anyText(200),
      fc.stringMatching(/^((k8s\.(cluster|namespace|pod)\.name|service\.name|app\.version)[=;, %a2]{0,9}){0,6}$/),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const read = decodePeerBaggage(lines);

        expect(Object.values(read ?? { any: 'x' })).not.toContain('');
        expect(Object.keys(read ?? { any: 'x' })).not.toHaveLength(0);
      }),
      { seed: 9, numRuns: 500 },
    );
  });
});
