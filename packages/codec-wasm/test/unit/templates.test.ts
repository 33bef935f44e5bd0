/** Blocks and baggage that are encoded once and copied from then on. */
import { describe, expect, test } from 'vitest';
import { createBaggageBytes, encodeBaggage } from '../../src/encode/baggage.js';
import { createHeaderEncoder, encodeHeaderBlock } from '../../src/encode/headers.js';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('a header encoder', () => {
  const template = createHeaderEncoder([
    [':method', 'CONNECT'],
    [':authority', undefined],
    ['baggage', 'service.name=a'],
    ['traceparent', undefined],
    ['x-last', '1'],
  ]);

  test.each([Buffer.alloc(512), new Uint8Array(512)])(
    'writes what encodeHeaderBlock makes of the same fields',
    (out) => {
      const end = template.write(out, 3, ['10.0.0.1:80', TRACEPARENT]);

      expect([...out.subarray(3, end)]).toEqual([
        ...encodeHeaderBlock([
          [':method', 'CONNECT'],
          [':authority', '10.0.0.1:80'],
          ['baggage', 'service.name=a'],
          ['traceparent', TRACEPARENT],
          ['x-last', '1'],
        ]),
      ]);
      expect(end - 3).toBeLessThanOrEqual(template.bound('10.0.0.1:80'.length + TRACEPARENT.length));
    },
  );

  test.each(['a\r\nb', 'a\0', ' a', 'a\t', '\u0100'])('refuses the value %j', (value) => {
    expect(() => template.write(new Uint8Array(512), 0, ['a:1', value])).toThrowError("value of field 'traceparent'");
  });

  test('refuses to leave a value out', () => {
    expect(() => template.write(new Uint8Array(512), 0, ['a:1'])).toThrowError("no value for field 'traceparent'");
  });

  test.each([Buffer.alloc(70), new Uint8Array(70)])(
    'refuses a buffer that is too short, rather than cut the block',
    (out) => {
      expect(() => template.write(out, 0, ['10.0.0.1:80', TRACEPARENT])).toThrowError(RangeError);
    },
  );
});

test('bytes of a workload are those of its text, and made once', () => {
  const keys = ['service.name', 'app.name'];
  let asked = 0;
  const bytesOf = createBaggageBytes(keys, (workload: { name: string }) => {
    asked++;
    return [workload.name, 'é'];
  });
  const workload = { name: 'a b' };

  const bytes = [bytesOf(workload), bytesOf(workload)];

  expect(new TextDecoder().decode(bytes[0])).toBe(encodeBaggage(keys, ['a b', 'é']));
  expect(bytes[1]).toBe(bytes[0]);
  expect(asked).toBe(1);
});
