/**
 * Any text, half surrogates included, ASCII as often as all the rest. fast-check's own `unit: 'binary'` is the same to the
 * tests, and takes a second at its first use to index every code point.
 */
import fc from 'fast-check';

const unit = fc
  .oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0, max: 0xffff }))
  .map((code) => String.fromCharCode(code));

export function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit, maxLength });
}
