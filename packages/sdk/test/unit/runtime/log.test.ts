import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/runtime/log.js';

function capture(level: 'info' | 'silent' = 'info') {
  const lines: string[] = [];
  const log = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { log, lines };
}

describe('the logger', () => {
  it('writes one JSON object per line, with the level as a word and the time in ISO 8601', () => {
    const { log, lines } = capture();

    log.child({ scope: 'discovery' }).warn({ attempt: 2 }, 'control plane lost');

    const entry = JSON.parse(lines[0] ?? '') as { readonly time: string };
    expect(lines).toHaveLength(1);
    expect(entry).toMatchObject({ level: 'warn', scope: 'discovery', attempt: 2, message: 'control plane lost' });
    expect(new Date(entry.time).toISOString()).toBe(entry.time);
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = capture();

    log.debug('attempt');

    expect(lines).toEqual([]);
  });

  it('writes nothing when silent', () => {
    const { log, lines } = capture('silent');

    log.error('anything');

    expect(lines).toEqual([]);
  });
});
