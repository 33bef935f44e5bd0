import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalHostname, formatAuthority, parseAuthority } from '../../../src/routing/index.js';
import { canonicalIp } from '../../../src/wire/ip.js';
import { anyText } from '../../support/any-text.js';

const port = fc.integer({ min: 1, max: 65_535 });
const mapped = (ip: string) => ip.startsWith('::ffff:') && ip.includes('.');
const address = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), port)
  .map(([ip, port]) => ({ kind: 'address', ip: canonicalIp(ip) ?? '', port }) as const)
  .filter(({ ip }) => !mapped(ip));
const hostname = fc
  .tuple(fc.domain(), port)
  .map(([name, port]) => ({ kind: 'hostname', hostname: canonicalHostname(name) ?? '', port }) as const)
  .filter(({ hostname }) => hostname !== '');

it('what is written is read back', () => {
  fc.assert(
    fc.property(fc.oneof(address, hostname), (authority) => {
      expect(parseAuthority(formatAuthority(authority))).toEqual({ ok: true, authority });
    }),
    { seed: 11, numRuns: 1000 },
  );
});

it('any text is read or refused with a reason, and what is read is written in one way', () => {
  const text = fc.oneof(anyText(300), fc.stringMatching(/^[[\]:.a-f0-9%@/ -]{0,40}:[0-9]{0,6}$/));
  fc.assert(
    fc.property(text, (given) => {
      const reading = parseAuthority(given);

      if (reading.ok) expect(parseAuthority(formatAuthority(reading.authority))).toEqual(reading);
      else expect(reading.reason).not.toBe('');
    }),
    { seed: 12, numRuns: 2000 },
  );
});
