/** Every vector on both implementations; those of frames also cut at every position. */
import { describe, expect, test } from 'vitest';
import { encodeHeaderBlock } from '../../src/encode/headers.js';
import { concat, frame, hex, splits } from '../support/bytes.js';
import { readMembers } from '../support/log.js';
import { decode, LIMITS, subjects } from '../support/subjects.js';
import { baggage } from './baggage.js';
import { accepted, refused } from './frames.js';
import { appendixC, brokenBlocks, malformedMessages, toleratedBlocks, wellFormedMessages } from './hpack.js';
import type { FrameVector } from './vector.js';
import { SETTINGS } from './vector.js';

const suites: readonly (readonly [name: string, vectors: readonly FrameVector[]])[] = [
  ['frames that are taken', accepted],
  ['frames that are refused', refused],
  ['RFC 7541 appendix C', appendixC],
  ['blocks that break the connection', brokenBlocks],
  ['blocks that are tolerated', toleratedBlocks],
  ['messages that are malformed', malformedMessages],
  ['messages that are well formed', wellFormedMessages],
];

describe.each(subjects)('%s', (_name, codec) => {
  describe.each(suites)('%s', (_suite, vectors) => {
    test.each(vectors.map((vector) => [vector.title, vector] as const))('%s', (_title, vector) => {
      const { role, limits, tableSize } = vector;
      const bytes = hex(vector.bytes);

      const whole = decode(codec, { ...LIMITS, ...limits, role }, [bytes], tableSize);

      expect(whole).toEqual(vector.expected);
      for (const chunks of splits(bytes)) {
        const split = decode(codec, { ...LIMITS, ...limits, role }, chunks, tableSize);
        expect(split, `cut at ${chunks[0]?.length}`).toEqual(vector.expected);
      }
    });
  });

  describe('baggage', () => {
    test.each(baggage.map((vector) => [vector.title, vector] as const))('%s', (_title, vector) => {
      const read = readMembers(codec.decodeBaggage(vector.lines));

      expect(read).toEqual({ malformed: vector.malformed === true, values: vector.values });
    });

    // A character over latin1 and controls cannot be in a field value; leading spaces are not allowed to be.
    const onWire = baggage.filter(({ lines }) =>
      lines.every((line) => /^(?![ \t])[\t\x20-\x7e\x80-\xff]*$/.test(line)),
    );
    test.each(onWire.map((vector) => [vector.title, vector] as const))('in a header block: %s', (_title, vector) => {
      const block = encodeHeaderBlock([[':status', '200'], ...vector.lines.map((line) => ['baggage', line] as const)]);
      const bytes = concat(hex(SETTINGS), frame(1, 4, 1, block));

      const [, entry] = decode(codec, { ...LIMITS, role: 'client' }, [bytes]);

      expect(entry).toMatchObject({ baggage: { malformed: vector.malformed === true, values: vector.values } });
    });
  });
});
