/** Which connection a request takes, and when another is opened. */
import { type ConnectionView, choose } from '@isthmus/sdk/hbone';
import { describe, expect, it } from 'vitest';
import { isExpired, nextStep, type PoolRules } from '../../../src/http/pool-policy.js';

const HTTP1: PoolRules = { spread: 1, maxConnections: 3, maxWaiting: 2, perConnection: 1 };
const HTTP2: PoolRules = { spread: 1, maxConnections: 2, maxWaiting: 10, perConnection: 4 };
const REMOTE: PoolRules = { spread: 3, maxConnections: 8, maxWaiting: 10, perConnection: 100 };

function connection(outstanding: number, room: number, lastUsed = 0): ConnectionView {
  return { outstanding, room, lastUsed };
}
function bucket(connections: ConnectionView[], opening = 0, waiting = 0) {
  return { connections, opening, waiting };
}

describe('HTTP/1.1 to an endpoint', () => {
  it('opens a connection for the first request, and the request waits for it', () => {
    expect(nextStep(bucket([]), HTTP1)).toEqual({ kind: 'wait', alsoOpen: true });
  });

  it('uses an idle connection, the warmest of several, and opens none', () => {
    const idle = [connection(0, 1, 5), connection(0, 1, 9), connection(0, 1, 7)];

    expect(nextStep(bucket(idle), HTTP1)).toEqual({ kind: 'use', index: 1, alsoOpen: false });
  });

  it('opens one more for each waiting request while it may, then lets them wait', () => {
    const busy = connection(1, 0);

    expect(nextStep(bucket([busy], 1, 1), HTTP1)).toEqual({ kind: 'wait', alsoOpen: true });
    expect(nextStep(bucket([busy, busy], 1, 1), HTTP1)).toEqual({ kind: 'wait', alsoOpen: false });
  });

  it('opens none for a request that one being opened already is enough for', () => {
    expect(nextStep(bucket([connection(1, 0)], 1, 0), HTTP1)).toEqual({ kind: 'wait', alsoOpen: false });
  });

  it('turns a request away when enough wait', () => {
    expect(nextStep(bucket([connection(1, 0)], 0, 2), HTTP1)).toEqual({ kind: 'overflow' });
  });
});

describe('HTTP/2 to an endpoint', () => {
  it('opens one connection for as many requests as one carries', () => {
    expect(nextStep(bucket([], 1, 3), HTTP2)).toEqual({ kind: 'wait', alsoOpen: false });
    expect(nextStep(bucket([], 1, 4), HTTP2)).toEqual({ kind: 'wait', alsoOpen: true });
  });

  it('goes where the least is outstanding', () => {
    expect(choose([connection(3, 1, 1), connection(1, 3, 2), connection(2, 2, 9)], HTTP2)).toBe(1);
  });

  it('passes over a connection without room, retired ones among them', () => {
    expect(choose([connection(0, 0), connection(4, 1)], HTTP2)).toBe(1);
    expect(choose([connection(0, 0)], HTTP2)).toBeUndefined();
  });
});

describe('a remote network', () => {
  it('opens more connections while it serves, until it has the spread', () => {
    expect(nextStep(bucket([connection(0, 100)]), REMOTE)).toEqual({ kind: 'use', index: 0, alsoOpen: true });
    expect(nextStep(bucket([connection(0, 100)], 2), REMOTE)).toEqual({ kind: 'use', index: 0, alsoOpen: false });
  });

  it('goes round the connections when all are alike, so that one client reaches every backend', () => {
    const idle = [connection(0, 100, 7), connection(0, 100, 3), connection(0, 100, 5)];

    expect(choose(idle, REMOTE)).toBe(1);
  });

  it('tries a connection never used before any other', () => {
    expect(choose([connection(0, 100, 1), connection(0, 100, 0)], REMOTE)).toBe(1);
  });
});

describe('expiry', () => {
  const bounds = { ageMs: 1_000, idleMs: 300 };
  const young = { outstanding: 0, openedAt: 0, idleSince: 0, jitter: 0 };

  it.each([
    ['idle for too long', { ...young }, 300, true],
    ['idle for less', { ...young }, 299, false],
    ['in use', { ...young, outstanding: 1 }, 500, false],
    ['old, in use or not', { ...young, outstanding: 1 }, 1_000, true],
    ['nearly old, drawn to leave early', { ...young, outstanding: 1, jitter: 0.99 }, 905, true],
    ['used just now', { ...young, idleSince: 800 }, 900, false],
  ])('of a connection %s after %i ms', (_name, view, now, expected) => {
    expect(isExpired(view, now as number, bounds)).toBe(expected);
  });
});
