/** The window that the streams of a connection share: what stalled readers can and cannot do to the others. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedReceiveWindow } from '../../../src/hbone/engine/flow-control.js';

const SIZE = 1_000;
const MOST = 2 * SIZE;

/** A peer that sends what it may, and readers that take some of it now and then. */
function run(steps: readonly { readonly send: number; readonly read: number }[]) {
  const window = new SharedReceiveWindow(SIZE);
  let granted = SIZE;
  let unread = 0;
  let mostGranted = granted;
  let mostUnread = 0;
  let blocked = false;
  const announce = (increment: number) => {
    granted += increment;
    mostGranted = Math.max(mostGranted, granted);
  };
  for (const { send, read } of steps) {
    const sent = Math.min(send, granted);
    if (!window.receive(sent)) throw new Error('what was granted was refused');
    granted -= sent;
    unread += sent;
    mostUnread = Math.max(mostUnread, unread);
    announce(window.lend());
    const taken = Math.min(read, unread);
    unread -= taken;
    announce(window.consume(taken));
    if (granted !== window.available) throw new Error('the two ends disagree');
    if (granted === 0 && unread < MOST) blocked = true;
  }
  return { mostGranted, mostUnread, blocked };
}

const step = fc.record({ send: fc.nat(SIZE), read: fc.nat(SIZE) });
const stalling = fc.record({ send: fc.nat(SIZE), read: fc.oneof(fc.constant(0), fc.nat(50)) });

describe('the shared window', () => {
  it.each([
    ['keep up, more or less', step],
    ['hardly read', stalling],
  ])('whose readers %s never grants more than itself at once, nor more than twice itself unread', (_, steps) => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 200 }), (all) => {
        const { mostGranted, mostUnread } = run(all);

        expect(mostGranted).toBeLessThanOrEqual(SIZE);
        expect(mostUnread).toBeLessThanOrEqual(MOST);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('blocks the peer only when two windows are unread', () => {
    fc.assert(
      fc.property(fc.array(stalling, { maxLength: 200 }), (all) => {
        expect(run(all).blocked).toBe(false);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('that never lends is announced in halves, as before: few updates', () => {
    const window = new SharedReceiveWindow(SIZE);
    const announced: number[] = [];
    for (let sent = 0; sent < 20; sent++) {
      window.receive(100);
      announced.push(window.lend() + window.consume(100));
    }

    expect(announced.filter((increment) => increment > 0)).toEqual([500, 500, 500, 500]);
  });

  it('is what it was when the readers have caught up', () => {
    const window = new SharedReceiveWindow(SIZE);
    let unread = 0;
    for (let turn = 0; turn < 10; turn++) {
      const bytes = window.available;
      window.receive(bytes);
      unread += bytes;
      window.lend();
    }
    while (unread > 0) {
      const bytes = Math.min(100, unread);
      window.consume(bytes);
      unread -= bytes;
    }

    expect(window.available).toBeGreaterThanOrEqual(SIZE / 2);
    expect(window.available).toBeLessThanOrEqual(SIZE);
  });
});
