import { createScope, silentLogger } from '@isthmus/sdk/runtime';
import { describe, expect, it } from 'vitest';
import { createListenerSet } from '../../../src/capture/listener-set.js';
import { createComponentLog } from '../../../src/telemetry/component-log.js';
import { createLineWriter } from '../../../src/telemetry/log-lines.js';
import { collectLines } from '../../support/telemetry.js';

const wish = (...keys: string[]) => new Map(keys.map((key) => [key, key]));

function recorder(refused: ReadonlySet<string> = new Set()) {
  const events: string[] = [];
  return {
    events,
    start: async (scope: { own(release: () => void): unknown }, key: string) => {
      if (refused.has(key)) throw new Error('EADDRNOTAVAIL');
      events.push(`+${key}`);
      scope.own(() => {
        events.push(`-${key}`);
      });
    },
  };
}

describe('a set of listeners', () => {
  it('opens what is wanted and closes what no longer is, and nothing twice', async () => {
    const { events, start } = recorder();
    const scope = createScope();
    const set = createListenerSet<string>(scope, { log: silentLogger, start });

    await set.want(wish('a', 'b'));
    await set.want(wish('b', 'c'));
    const open = set.open();
    await scope.close();

    expect(open).toEqual(['b', 'c']);
    expect(events.slice(0, 4)).toEqual(['+a', '+b', '-a', '+c']);
    expect(events.slice(4).sort()).toEqual(['-b', '-c']);
  });

  it('opens the rest when one cannot be opened, tells it once, and tries again on change', async () => {
    const refused = new Set(['b']);
    const { events, start } = recorder(refused);
    const collected = collectLines();
    const writer = createLineWriter(collected.stream);
    const { log } = createComponentLog('info', 'json', writer);
    const set = createListenerSet<string>(createScope(), { log, start });

    await set.want(wish('a', 'b'));
    await set.want(wish('a', 'b'));
    refused.clear();
    await set.want(wish('a', 'b'));
    writer.flush();

    expect(events).toEqual(['+a', '+b']);
    expect(collected.lines().map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', listener: 'b', reason: 'EADDRNOTAVAIL' },
      { level: 'info', listener: 'b' },
    ]);
  });

  it('applies the newest of the wishes that come while it is busy', async () => {
    const { events, start } = recorder();
    const set = createListenerSet<string>(createScope(), { log: silentLogger, start });

    const all = [set.want(wish('a')), set.want(wish('b')), set.want(wish('a', 'c'))];
    await Promise.all(all);

    expect([...set.open()].sort()).toEqual(['a', 'c']);
    expect(events).not.toContain('+b');
  });
});
