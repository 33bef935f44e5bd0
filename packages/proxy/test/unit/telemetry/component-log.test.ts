import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createComponentLog } from '../../../src/telemetry/component-log.js';
import { formatLevels, withLevels } from '../../../src/telemetry/log-levels.js';
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

  it('changes the level of children that exist already, of all scopes or of one', () => {
    const collected = collectLines();
    const writer = createLineWriter(collected.stream);
    const { log, setLevels } = createComponentLog('info', 'json', writer);
    const grandchild = log.child({ scope: 'xds' }).child({ peer: 'a' });
    const other = log.child({ scope: 'identity' });

    grandchild.debug('hidden');
    setLevels({ level: 'debug', scopes: {} });
    grandchild.debug('shown');
    setLevels({ level: 'error', scopes: { xds: 'debug' } });
    other.warn('hidden');
    grandchild.debug('shown again');
    log.child({ scope: 'xds' }).debug('shown by one made later');
    writer.flush();

    expect(collected.lines().map((line) => JSON.parse(line).message)).toEqual([
      'shown',
      'shown again',
      'shown by one made later',
    ]);
  });
});

describe('a line writer whose stream is shared with other processes', () => {
  it('writes whole lines, in pieces that a pipe takes at once', () => {
    const writes: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        writes.push(String(chunk));
        done();
      },
    });
    const writer = createLineWriter(stream, 100);
    const lines = ['a'.repeat(60), 'ü'.repeat(30), 'b'.repeat(20), 'c'.repeat(150), 'd'].map((line) => `${line}\n`);

    for (const line of lines) writer.write(line);
    writer.flush();

    expect(writes).toEqual([lines[0], `${lines[1]}${lines[2]}`, lines[3], lines[4]]);
  });
});

describe('log levels', () => {
  const info = { level: 'info', scopes: {} } as const;

  it.each([
    ['debug', 'debug'],
    ['xds:debug', 'info,xds=debug'],
    ['warn,xds=trace,access:error', 'warn,xds=trace,access=error'],
  ])('reads %j and shows it as %j', (text, shown) => {
    const levels = withLevels(info, text);

    expect(levels && formatLevels(levels)).toBe(shown);
  });

  it.each(['loud', '', 'xds:', 'xds:loud', ':debug', 'a b:debug', 'debug,,'])('refuses %j', (text) => {
    expect(withLevels(info, text)).toBeUndefined();
  });

  it('are bounded in number', () => {
    const many = Array.from({ length: 65 }, (_, index) => `scope-${index}:debug`).join(',');

    expect(withLevels(info, many)).toBeUndefined();
  });
});
