/** What is said of a peer that goes away and comes back, and when. */
import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { createPresence, type Situation } from '../../src/federation/presence.js';
import { captureLogs } from '../support/logs.js';

const PEER: Situation['peer'] = {
  cluster: 'west',
  network: 'network-2',
  trustDomain: 'cluster.local',
  roots: '',
  address: 'west.example:15013',
};

function watch(asOf?: string) {
  const clock = createVirtualClock();
  const { logs, log } = captureLogs();
  const reconnected: string[] = [];
  const presence = createPresence(() => ({ peer: PEER, end: 'connection refused', asOf }), {
    clock,
    log,
    observe: (event) => void (event.kind === 'reconnected' && reconnected.push(event.peer)),
  });
  const told = () => logs.filter(({ level }) => level !== 'debug').map(({ message }) => message);
  return { presence, clock, logs, reconnected, told };
}

describe('a peer', () => {
  it('that is there within a second was not away, at the start as later', () => {
    const { presence, clock, told, reconnected } = watch();

    presence.ended();
    clock.advance(999);
    presence.ended();
    presence.reached();
    presence.ended();
    clock.advance(999);
    presence.ended();
    presence.reached();

    expect(told()).toEqual(['peer reached', 'peer reached again']);
    expect(reconnected).toEqual(['west']);
  });

  it('that is not there after a second is told of once, with what to do, and when it is back', () => {
    const { presence, clock, logs, told } = watch('2026-01-01T00:00:00.000Z');

    presence.reached();
    presence.ended();
    clock.advance(1_000);
    presence.ended();
    clock.advance(500);
    presence.ended();
    presence.reached();

    expect(told()).toEqual([
      'peer reached',
      'peer is away; what it exported last stays in force',
      'peer reached again',
    ]);
    expect(logs.find(({ level }) => level === 'warn')).toMatchObject({
      cluster: 'west',
      reason: 'connection refused',
      asOf: '2026-01-01T00:00:00.000Z',
    });
    expect(logs.at(-1)).toMatchObject({ awayMs: 1_500 });
  });

  it('that never was there is told of in other words: nothing of it is known', () => {
    const { presence, clock, told } = watch();

    clock.advance(1_000);
    presence.ended();

    expect(told()).toEqual(['peer cannot be reached; nothing of it is known yet']);
  });
});
