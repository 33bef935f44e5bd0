/** A machine that cannot hold the idle connections says so before anything is measured, and says what to do. */
import { describe, expect, test } from 'vitest';
import { readCapacity, shortageOf } from '../../../bench/tunnel/capacity.js';

const ENOUGH = { descriptors: 20_000, ports: 28_232 };

describe('10,200 connections at a time', () => {
  test('are possible where files and ports suffice', () => {
    expect(shortageOf(ENOUGH, 10_200)).toBeUndefined();
  });

  test('need more open files than a common limit', () => {
    expect(shortageOf({ ...ENOUGH, descriptors: 4_096 }, 10_200)).toMatch(
      /10700 open files and the limit is 4096.*ulimit -n/,
    );
  });

  test('need as many ports to dial from', () => {
    expect(shortageOf({ ...ENOUGH, ports: 5_000 }, 10_200)).toMatch(/there are 5000.*ip_local_port_range/);
  });
});

test('this machine tells its limits, or is taken to have none', () => {
  const { descriptors, ports } = readCapacity();

  expect([descriptors > 0, ports > 0]).toEqual([true, true]);
});
