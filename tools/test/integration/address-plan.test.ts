import { afterEach, describe, expect, it } from 'vitest';
import { type ReservedSlice, reserveSlice } from '../../lab/address-plan.js';

const taken: ReservedSlice[] = [];
afterEach(async () => {
  await Promise.all(taken.splice(0).map((slice) => slice.release()));
});

async function reserve(...range: Parameters<typeof reserveSlice>): Promise<ReservedSlice> {
  const slice = await reserveSlice(...range);
  taken.push(slice);
  return slice;
}

describe('slices of the loopback network', () => {
  it('belong to one lab at a time', async () => {
    const first = await reserve();
    const second = await reserve();

    expect(second.number).not.toBe(first.number);
    expect(second.pod(1, 20)).not.toBe(first.pod(1, 20));
  });

  it('can be had again after release, and not before', async () => {
    // Behind those of labs, of which some may come and go beside this test.
    const only = [1, 130 + (process.pid % 60)] as const;
    const first = await reserve(...only);

    await expect(reserve(...only)).rejects.toThrow('that many labs');
    await first.release();
    const second = await reserve(...only);

    expect(second.number).toBe(first.number);
  });

  it('are refused with what to do when none is free', async () => {
    await expect(reserveSlice(0)).rejects.toThrow(/that many labs are running, or a program listens/);
  });
});
