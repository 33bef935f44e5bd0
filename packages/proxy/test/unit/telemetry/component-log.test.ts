import { describe, expect, it } from 'vitest';
import { createComponentLog } from '../../../src/telemetry/component-log.js';
import { createLineWriter } from '../../../src/telemetry/log-lines.js';
import { collectLines } from '../../support/telemetry.js';

describe('the component log', () => {
  it("writes ztunnel's plain layout, with the message of an error", () => {
    const collected = collectLines();
    const writer = createLineWriter(collected.stream);
    const { log } = createComponentLog('info', 'plain', writer);

    log.child({ scope: 'xds' }).warn({ err: new Error('stream ended'), attempt: 2 }, 'reconnecting');
    writer.flush();

    expect(collected.lines()).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z\twarn\txds\treconnecting\terr="stream ended" attempt=2$/),
    ]);
  });

  it('changes the level of children that exist already', () => {
    const collected = collectLines();
    const writer = createLineWriter(collected.stream);
    const { log, setLevel } = createComponentLog('info', 'json', writer);
    const grandchild = log.child({ scope: 'xds' }).child({ peer: 'a' });

    grandchild.debug('hidden');
    setLevel('debug');
    grandchild.debug('shown');
    writer.flush();

    expect(collected.lines().map((line) => JSON.parse(line))).toMatchObject([
      { level: 'debug', scope: 'xds', message: 'shown' },
    ]);
  });
});
