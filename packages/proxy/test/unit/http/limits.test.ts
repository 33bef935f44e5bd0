import { describe, expect, it } from 'vitest';
import { httpLimits, LIMIT_TABLE } from '../../../src/http/limits.js';

describe('httpLimits', () => {
  it('gives the values of the table, some replaced', () => {
    const limits = httpLimits({ tunnels: 3 });

    expect(limits.tunnels).toBe(3);
    expect(limits.headBytes).toBe(LIMIT_TABLE.headBytes.value);
  });
});
