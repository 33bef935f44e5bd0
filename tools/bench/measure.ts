/**
 * Times a case: subject and peer next to each other in one process, the order turned round each round. A machine that is
 * slow for a while is slow for both of a round, so the ratio of a round stands; the median over rounds drops the few where
 * something else began in between.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import Benchmark from 'benchmark';
import type { BenchCase } from './case.js';
import { cpuSeconds } from './cpu.js';
import { lowerQuartile, median, type Result, type Round, summarize } from './statistics.js';

export const MIN_ROUNDS = 5;

export interface Effort {
  readonly rounds: number;
  /** Seconds for each side of each round. */
  readonly seconds: number;
}

export interface Measurement {
  readonly result: Result;
  /** Medians, in nanoseconds for one operation. */
  readonly subjectNs: number;
  readonly peerNs: number;
}

/**
 * Samples of one side in one round; the lower quartile of them is its time. Others on the machine can only add to a
 * sample, so the low ones are the true ones; the very lowest would leave out what a side's own garbage costs.
 */
const SAMPLES = 7;
/** Calls until V8 has optimised both sides, or this long. */
const WARM_UP_SECONDS = 0.15;

/** Everything that sides answer ends here, so that no engine can find their work to be in vain. */
let consumed = 0;

const collectGarbage = exposedGc();

export function measure(benchCase: BenchCase, effort: Effort): Measurement {
  if (effort.rounds < MIN_ROUNDS) throw new Error(`${effort.rounds} rounds, not at least ${MIN_ROUNDS}`);
  const { operations, subject, peer } = benchCase.open();
  const sides = { subject: new Side('subject', subject, effort), peer: new Side('peer', peer, effort) };
  sides.subject.warmUp();
  sides.peer.warmUp();
  const rounds = Array.from({ length: effort.rounds }, (_, index): Round => {
    if (index % 2 === 0) return { subject: sides.subject.time(), peer: sides.peer.time() };
    const peerTime = sides.peer.time();
    return { subject: sides.subject.time(), peer: peerTime };
  });
  if (!Number.isFinite(consumed)) throw new Error(`${benchCase.id} answers something that is no number`);
  const nsOf = (side: keyof Round) => (median(rounds.map((round) => round[side])) * 1e9) / operations;
  return { result: summarize(benchCase, rounds), subjectNs: nsOf('subject'), peerNs: nsOf('peer') };
}

class Side {
  readonly #name: string;
  readonly #run: () => void;
  readonly #sampleSeconds: number;
  /** Calls of one sample, as Benchmark.js found them the round before. */
  #callsOfSample = 1;
  #calls = 0;

  constructor(name: string, run: () => number, effort: Effort) {
    this.#name = name;
    this.#run = () => {
      this.#calls++;
      consumed = (consumed + run()) % 0x1_0000_0000;
    };
    this.#sampleSeconds = effort.seconds / SAMPLES;
  }

  warmUp(): void {
    const until = performance.now() + WARM_UP_SECONDS * 1000;
    while (performance.now() < until) this.#run();
  }

  /** CPU seconds of one call. Garbage of the other side is cleared away first: it is not for this one to pay. */
  time(): number {
    collectGarbage();
    const samples: number[] = [];
    let calls = this.#calls;
    let started = cpuSeconds();
    const benchmark = new Benchmark(this.#name, this.#run, {
      initCount: this.#callsOfSample,
      minSamples: SAMPLES,
      minTime: this.#sampleSeconds,
      maxTime: this.#sampleSeconds,
      onCycle: () => {
        const now = cpuSeconds();
        // What Benchmark.js tries while it looks for the number of calls is too short to be a sample.
        if (now - started > this.#sampleSeconds / 4) samples.push((now - started) / (this.#calls - calls));
        calls = this.#calls;
        started = now;
      },
    });
    benchmark.run({ async: false });
    // Typed as absent: Benchmark.js catches what a side throws and puts it there.
    const { error } = benchmark as { error?: unknown };
    if (error !== undefined) throw error;
    this.#callsOfSample = Math.max(1, benchmark.count);
    return lowerQuartile(samples);
  }
}

function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
