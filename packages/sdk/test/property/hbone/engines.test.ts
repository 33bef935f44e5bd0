/**
 * Two engines, any schedule: random writes, pauses, ends, window sizes, chunk boundaries and budgets never lose, repeat or
 * reorder a byte, never exceed a window, and always come to rest with nothing open.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EngineStream } from '../../../src/hbone/engine/stream.js';
import { ABUSE_BUDGETS } from '../../../src/hbone/limits.js';
import { createEnginePair, type EnginePair } from '../../support/engine-pair.js';

const SIDES = ['client', 'server'] as const;
type SideName = (typeof SIDES)[number];

type Step =
  | { readonly kind: 'write'; readonly stream: number; readonly side: SideName; readonly bytes: number }
  | { readonly kind: 'end' | 'pause' | 'resume'; readonly stream: number; readonly side: SideName }
  | { readonly kind: 'move'; readonly side: SideName; readonly chunkBytes: number; readonly budget: number };

const STREAMS = 4;
const side = fc.constantFrom(...SIDES);
const stream = fc.nat(STREAMS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), stream, side, bytes: fc.nat(200_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), stream, side }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), stream, side }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('move' as const),
      side,
      chunkBytes: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 100, max: 70_000 })),
      budget: fc.integer({ min: 1, max: 300_000 }),
    }),
  },
);

/** One end of one stream as its user keeps the books. */
class End {
  readonly stream: EngineStream;
  /** Byte n of a direction is a function of n, so a lost, repeated or moved byte shows. */
  written = 0;
  read = 0;
  ended = false;
  peerEnded = false;
  closed: string | undefined;
  mistakes: string[] = [];

  constructor(stream: EngineStream) {
    this.stream = stream;
    stream.handlers = {
      onData: (chunk) => {
        for (const byte of chunk) if (byte !== byteAt(this.read++)) this.mistakes.push(`byte ${this.read - 1}`);
        if (this.peerEnded || this.closed) this.mistakes.push('data after the end');
      },
      onEnd: () => {
        if (this.peerEnded || this.closed) this.mistakes.push('a second end');
        this.peerEnded = true;
      },
      onDrain: () => {},
      onClose: (end) => {
        if (this.closed) this.mistakes.push('a second close');
        this.closed = end.kind;
      },
    };
  }

  write(bytes: number): void {
    if (this.ended) return;
    const chunk = new Uint8Array(bytes);
    for (let index = 0; index < bytes; index++) chunk[index] = byteAt(this.written++);
    this.stream.write(chunk);
  }

  end(): void {
    this.ended = true;
    this.stream.end();
  }

  /** Received and not handed over. */
  get held(): number {
    return this.stream.bytesReceived - this.read;
  }
}

function byteAt(position: number): number {
  return (position * 31 + (position >>> 8)) & 0xff;
}

interface World {
  readonly pair: EnginePair;
  readonly ends: Readonly<Record<SideName, readonly End[]>>;
}

async function createWorld(streamWindowBytes: number, connectionWindowBytes: number): Promise<World> {
  const settings = { streamWindowBytes, connectionWindowBytes };
  // Windows of a byte are what is wanted here, not an attack.
  const windowTrickles = { ...ABUSE_BUDGETS.windowTrickles, limit: Number.POSITIVE_INFINITY };
  const limits = { ...ABUSE_BUDGETS, windowTrickles };
  const pair = createEnginePair({ clientSettings: settings, serverSettings: settings, limits });
  await pair.settle();
  const near = Array.from({ length: STREAMS }, () =>
    pair.client.open({ authority: 'a:1', headers: [], answered() {} }),
  );
  await pair.settle();
  return {
    pair,
    ends: {
      client: near.map((one) => new End(one)),
      server: pair.requests.map((request) => new End(request.stream)),
    },
  };
}

function run({ pair, ends }: World, step: Step): void {
  if (step.kind === 'move') {
    pair.move(step.side, step.chunkBytes, step.budget);
    return;
  }
  const end = ends[step.side][step.stream]!;
  if (step.kind === 'write') end.write(step.bytes);
  else if (step.kind === 'end') end.end();
  else end.stream[step.kind]();
}

describe('two engines under any schedule', () => {
  it('deliver every byte once and in order, within the windows, and come to rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 150_000 }),
        fc.integer({ min: 65_535, max: 200_000 }),
        async (steps, streamWindow, connectionWindow) => {
          const world = await createWorld(streamWindow, connectionWindow);
          const all = [...world.ends.client, ...world.ends.server];

          for (const one of steps) {
            run(world, one);
            await Promise.resolve();
            for (const side of SIDES) {
              const held = world.ends[side].map((end) => end.held);
              expect(Math.max(...held)).toBeLessThanOrEqual(streamWindow);
              expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(connectionWindow);
            }
          }
          for (const end of all) end.stream.resume();
          for (const end of all) end.end();
          await world.pair.settle();

          expect(world.pair.ends).toEqual({});
          for (const [index, near] of world.ends.client.entries()) {
            const far = world.ends.server[index]!;
            expect([near.mistakes, far.mistakes]).toEqual([[], []]);
            expect([near.read, far.read]).toEqual([far.written, near.written]);
            expect([near.closed, far.closed]).toEqual(['clean', 'clean']);
          }
          expect([world.pair.client.activeStreams, world.pair.server.activeStreams]).toEqual([0, 0]);
          world.pair.client.close();
          world.pair.server.close();
        },
      ),
      { seed: 20_261_122, numRuns: 100 },
    );
  }, 60_000);
});
