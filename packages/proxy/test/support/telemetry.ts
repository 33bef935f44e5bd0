/** A telemetry system whose output a test can read: metrics as series with labels, logs as parsed lines. */
import { Writable } from 'node:stream';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { createTelemetry, type TelemetryInit } from '../../src/telemetry/index.js';
import { createLineWriter } from '../../src/telemetry/log-lines.js';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Label names in order of emission. */
  readonly order: readonly string[];
  readonly value: number;
}

export function parseMetrics(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match) throw new Error(`not a sample: ${line}`);
      const pairs = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      const labels = Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
      return { name: match[1] ?? '', labels, order: pairs.map(([, name = '']) => name), value: Number(match[3]) };
    });
}

export function collectLines(): { readonly stream: Writable; readonly lines: () => readonly string[] } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { stream, lines: () => text.split('\n').filter((line) => line !== '') };
}

export function testTelemetry(
  overrides: Partial<Omit<TelemetryInit, 'accessLog'>> & { format?: 'plain' | 'json'; level?: string } = {},
) {
  const { format = 'json', level = 'debug', ...rest } = overrides;
  const clock = createVirtualClock();
  const collected = collectLines();
  const writer = createLineWriter(collected.stream);
  const order = ['debug', 'info', 'warn', 'error'];
  const system = createTelemetry({
    clock,
    maxSeries: 1_000,
    idleMs: 3_600_000,
    accessLog: { format, lines: writer, enabled: (each) => order.indexOf(each) >= order.indexOf(level) },
    about: {
      component: 'ztunnel',
      tag: '1.2.3',
      role: 'ztunnel',
      cluster: 'east',
      network: 'network-1',
      node: 'node-a',
    },
    ...rest,
  });
  return {
    ...system,
    clock,
    samples: (name?: string) =>
      parseMetrics([...system.render()].join('')).filter((sample) => name === undefined || sample.name === name),
    rawLog: () => {
      writer.flush();
      return collected.lines();
    },
    log: (): readonly Record<string, unknown>[] => {
      writer.flush();
      return collected.lines().map((line) => JSON.parse(line));
    },
  };
}
