/**
 * Long runs in flat memory: ten million frames and a million header blocks, whose baggage changes so that the interned
 * texts are replaced all the time. FLAT_FRAMES and FLAT_BLOCKS say other numbers.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createHeaderEncoder } from '../../src/encode/headers.js';
import type { HeaderBlockView } from '../../src/types.js';
import { concat, frame, hex } from '../support/bytes.js';
import { Calls } from '../support/calls.js';
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

/** Keeps numbers only. */
class Counter extends Calls {
  count = 0;
  ports = 0;

  override data(): void {
    this.count++;
  }

  override windowUpdate(): void {
    this.count++;
  }

  override headers(_streamId: number, block: HeaderBlockView): void {
    this.ports += block.connect().port;
  }
}

test(`${FRAMES} frames`, { timeout: 300_000 }, () => {
  const decoder = wasm.openDecoder({ ...LIMITS, role: 'client' });
  const calls = new Counter();
  decoder.read(hex(SETTINGS), calls);
  const chunk = concat(
    ...Array.from({ length: 1000 }, (_, i) => frame(i % 10 === 9 ? 8 : 0, 0, 1 + 2 * i, hex('00000001'))),
  );
  const read = (chunks: number): number => {
    calls.count = 0;
    for (let i = 0; i < chunks; i++) {
      decoder.read(chunk.subarray(0, 7000), calls);
      decoder.read(chunk.subarray(7000), calls);
    }
    return calls.count;
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
  const calls = new Counter();
  decoder.read(hex(PREFACE + SETTINGS), calls);
  const template = createHeaderEncoder([
    [':method', 'CONNECT'],
    [':authority', '10.0.0.1:8080'],
    ['baggage', undefined],
  ]);
  const out = Buffer.alloc(512);
  const read = (blocks: number): number => {
    calls.ports = 0;
    for (let i = 0; i < blocks; i++) {
      const end = template.write(out, 9, [`service.name=workload-${i % 5000},app.version=v1`]);
      out[2] = end - 9;
      out[3] = 1;
      out[4] = 4;
      out[8] = 1;
      // Every other block arrives in two pieces, and waits on the host for its second.
      const cut = i % 2 === 0 ? 0 : 40;
      decoder.read(out.subarray(0, cut), calls);
      decoder.read(out.subarray(cut, end), calls);
    }
    return calls.ports;
  };
  read(10_000);
  const before = used();

  const sum = read(BLOCKS);

  const grown = used() - before;
  decoder.close();
  expect(sum).toBe(BLOCKS * 8080);
  expect(grown).toBeLessThan(ALLOWED);
});
