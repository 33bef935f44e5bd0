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

  test('takes bytes that are kept as it takes their text', () => {
    const [asText, asBytes] = [new Uint8Array(512), new Uint8Array(512)];
    const bytes = new TextEncoder().encode(TRACEPARENT);

    const end = template.write(asText, 0, ['10.0.0.1:80', TRACEPARENT]);

    for (const time of [1, 2]) {
      expect(template.write(asBytes, 0, ['10.0.0.1:80', bytes]), `time ${time}`).toBe(end);
      expect(asBytes).toEqual(asText);
    }
    expect(encodeHeaderBlock([['traceparent', bytes]])).toEqual(encodeHeaderBlock([['traceparent', TRACEPARENT]]));
  });

  test.each(['a\r\nb', 'a\0', ' a', 'a\t'])('refuses the bytes of %j as it refuses the text, every time', (value) => {
    const bytes = new TextEncoder().encode(value);
    const write = () => template.write(new Uint8Array(512), 0, ['a:1', bytes]);

    expect(write).toThrowError("value of field 'traceparent'");
    expect(write).toThrowError("value of field 'traceparent'");
  });

  test.each([65, 200])('writes a value of %i characters, and refuses it with one that cannot be sent', (length) => {
    const value = 'v'.repeat(length);
    const out = new Uint8Array(512);

    const end = template.write(out, 0, ['a:1', value]);

    expect([...out.subarray(0, end)]).toEqual([
      ...encodeHeaderBlock([
        [':method', 'CONNECT'],
        [':authority', 'a:1'],
        ['baggage', 'service.name=a'],
        ['traceparent', value],
        ['x-last', '1'],
      ]),
    ]);
    expect(() => template.write(out, 0, ['a:1', `${value}\n`])).toThrowError("value of field 'traceparent'");
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
