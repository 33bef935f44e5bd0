/** The codecs of a process: a slot for each connection, in instances small enough for V8's accounts. */
import { expect, it } from 'vitest';
import { createMeshCodec, meshCodec } from '../../../src/hbone/index.js';
import { leaseAllSlots, leaseSlot } from '../../support/codec-slots.js';

it('another instance is made when the slots of the first are leased, and the first is used again when one is free', () => {
  const first = meshCodec();
  const decoders = Array.from({ length: first.slots.capacity - first.slots.leased }, leaseSlot);

  const second = meshCodec();
  decoders[0]?.close();
  const afterwards = meshCodec();

  expect(second).not.toBe(first);
  expect(second.slots.leased).toBe(0);
  expect(afterwards).toBe(first);
  for (const decoder of decoders) decoder.close();
});

it('with every slot of the process leased, the next connection is refused as a bound of ours', () => {
  const { leased, refusal } = leaseAllSlots();
  for (const decoder of leased) decoder.close();

  expect(refusal).toMatchObject({ name: 'Fault', code: 'UPSTREAM_OVERFLOW' });
  expect(leased).toHaveLength(8_192);
});

it('an instance keeps far from the 64 MiB at which V8 begins to collect for memory outside its heap', () => {
  const { capacity } = meshCodec().slots;
  const before = process.memoryUsage().external;

  const codec = createMeshCodec({ slots: capacity });

  const added = process.memoryUsage().external - before;
  expect(codec.slots.capacity).toBe(capacity);
  expect(added).toBeGreaterThan(0);
  expect(added).toBeLessThan(8 * 2 ** 20);
});
