import { createStore } from '@isthmus/sdk/discovery';
import { describe, expect, it } from 'vitest';
import { batchesOf, decodeBatch, encodeBatch, followed } from '../../../src/workers/state.js';
import { feed, workload } from '../../support/model.js';
import { addressesOf, eastRecords } from '../../support/two-clusters.js';

describe('the state a worker is told', () => {
  it('makes an empty store equal, in pieces', () => {
    const head = feed(createStore(), eastRecords(addressesOf('127.41.1')));
    const many = Array.from({ length: 2_500 }, (_, index) => workload({ name: `pod-${index}` }));
    feed(head, { workloads: many });

    const pieces = [...batchesOf(head.snapshot)].map(encodeBatch);
    const worker = createStore();
    for (const piece of pieces) worker.apply(decodeBatch(piece));

    expect(pieces.length).toBe(3);
    expect([...worker.snapshot.workloads()]).toEqual([...head.snapshot.workloads()]);
    expect([...worker.snapshot.services()]).toEqual([...head.snapshot.services()]);
    expect(worker.snapshot.endpoints('shop/reviews.shop.svc.cluster.local')).toHaveLength(1);
  });

  it('is followed by every change, whoever makes it', () => {
    const head = followed(createStore());
    const worker = createStore();
    head.follow((batch) => worker.apply(decodeBatch(encodeBatch(batch))));

    feed(head, eastRecords(addressesOf('127.41.1')));
    const [gone] = [...head.snapshot.workloads()];
    head.apply({ upserts: [], removals: [{ type: 'address', name: gone?.uid ?? '' }] });

    expect([...worker.snapshot.workloads()]).toEqual([...head.snapshot.workloads()]);
    expect(worker.snapshot.workload(gone?.uid ?? '')).toBeUndefined();
  });
});
