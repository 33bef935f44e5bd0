/**
 * Long runs in flat memory: ten million frames and a million header blocks, whose baggage changes so that the interned
 * texts are replaced all the time. FLAT_FRAMES and FLAT_BLOCKS say other numbers.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createHeaderEncoder } from '../../src/encode/headers.js';
import { Event } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
import { LIMITS, wasm } from '../support/subjects.js';
import { PREFACE, SETTINGS } from '../vectors/vector.js';

const FRAMES = Number(process.env.FLAT_FRAMES ?? 10_000_000);
const BLOCKS = Number(process.env.FLAT_BLOCKS ?? 1_000_000);
/** Far below what a leak of one byte a frame would leave. */
const ALLOWED = 512 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function used(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test(`${FRAMES} frames`, { timeout: 300_000 }, () => {
  const decoder = wasm.openDecoder({ ...LIMITS, role: 'client' });
  decoder.push(hex(SETTINGS));
  while (decoder.next() !== Event.None);
  const chunk = concat(
    ...Array.from({ length: 1000 }, (_, i) => frame(i % 10 === 9 ? 8 : 0, 0, 1 + 2 * i, hex('00000001'))),
  );
  const read = (chunks: number): number => {
    let events = 0;
    for (let i = 0; i < chunks; i++) {
      for (const part of [chunk.subarray(0, 7000), chunk.subarray(7000)]) {
        decoder.push(part);
        while (decoder.next() !== Event.None) events++;
      }
    }
    return events;
  };
  const perChunk = read(1);
  read(100);
  const before = used();

  const events = read(FRAMES / 1000);

  const grown = used() - before;
  decoder.close();
  expect(events).toBe((perChunk * FRAMES) / 1000);
  expect(grown).toBeLessThan(ALLOWED);
});

test(`${BLOCKS} header blocks`, { timeout: 300_000 }, () => {
  const decoder = wasm.openDecoder({ ...LIMITS, role: 'server' });
  decoder.push(hex(PREFACE + SETTINGS));
  while (decoder.next() !== Event.None);
  const template = createHeaderEncoder([
    [':method', 'CONNECT'],
    [':authority', '10.0.0.1:8080'],
    ['baggage', undefined],
  ]);
  const out = Buffer.alloc(512);
  const read = (blocks: number): number => {
    let sum = 0;
    for (let i = 0; i < blocks; i++) {
      const end = template.write(out, 9, [`service.name=workload-${i % 5000},app.version=v1`]);
      out[2] = end - 9;
      out[3] = 1;
      out[4] = 4;
      out[8] = 1;
      // Every other block arrives in two pieces, and waits on the host for its second.
      const cut = i % 2 === 0 ? 0 : 40;
      decoder.push(out.subarray(0, cut));
      decoder.next();
      decoder.push(out.subarray(cut, end));
      if (decoder.next() === Event.Headers) sum += decoder.headers.connect().port;
      decoder.next();
    }
    return sum;
  };
  read(10_000);
  const before = used();

  const sum = read(BLOCKS);

  const grown = used() - before;
  decoder.close();
  expect(sum).toBe(BLOCKS * 8080);
  expect(grown).toBeLessThan(ALLOWED);
});
