/**
 * The native yardstick: our own C program on libnghttp2, compiled here, and the codec, in turns. Two processes, so what a
 * round measures is further apart than in the other cases; it is reported and gates nothing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cpuSeconds } from './cpu.js';
import type { Measurement } from './measure.js';
import { NATIVE_SOURCE, NATIVE_SUITE } from './places.js';
import { renderTable } from './report.js';
import { median, type Round, summarize } from './statistics.js';

const MILLISECONDS = 60;

interface NativeCase {
  readonly id: string;
  readonly task: string;
  open(): OpenNativeCase;
}

interface OpenNativeCase {
  readonly warm: readonly Uint8Array[];
  readonly spans: readonly Uint8Array[];
  readonly operations: number;
  readonly subject: () => number;
  readonly bytesSeen: number;
}

export async function native({ rounds }: { readonly rounds: number }): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-bench-'));
  try {
    const program = join(directory, 'nghttp2-bench');
    const missing = compile(program, NATIVE_SOURCE);
    if (missing !== undefined) {
      process.stdout.write(`skipped: ${missing}\n`);
      return 0;
    }
    const { nativeCases } = (await import(String(NATIVE_SUITE))) as { nativeCases: readonly NativeCase[] };
    const measurements: Measurement[] = [];
    for (const nativeCase of nativeCases) measurements.push(await race(nativeCase, program, directory, rounds));
    process.stdout.write(renderTable(measurements));
    return 0;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Why it cannot be compiled, or undefined. A program that is there and does not compile is our error and throws. */
export function compile(program: string, source: URL, compiler = process.env.CC ?? 'gcc'): string | undefined {
  const probe = ['-E', '-x', 'c', '-include', 'nghttp2/nghttp2.h', '/dev/null', '-o', '/dev/null'];
  const found = spawnSync(compiler, probe, { encoding: 'utf8' });
  if (found.error !== undefined) return `no C compiler (${compiler}); on Debian: apt install gcc libnghttp2-dev`;
  if (found.status !== 0) return 'no headers of libnghttp2; on Debian: apt install libnghttp2-dev';
  const built = spawnSync(compiler, ['-O2', '-Wall', '-o', program, fileURLToPath(source), '-lnghttp2'], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`${compiler} refuses nghttp2.c:\n${built.stderr}`);
  return undefined;
}

async function race(
  { id, task, open }: NativeCase,
  program: string,
  directory: string,
  count: number,
): Promise<Measurement> {
  const { warm, spans, operations, subject, bytesSeen } = open();
  const corpus = join(directory, `${id}.bin`);
  await writeFile(corpus, corpusFile(warm, spans));
  const peer = new NativePeer(program, task, corpus, bytesSeen);
  try {
    timeFor(subject, 3 * MILLISECONDS);
    await peer.time();
    const rounds: Round[] = [];
    for (let index = 0; index < count; index++) {
      if (index % 2 === 0) {
        rounds.push({ subject: timeFor(subject, MILLISECONDS), peer: await peer.time() });
      } else {
        const peerSeconds = await peer.time();
        rounds.push({ subject: timeFor(subject, MILLISECONDS), peer: peerSeconds });
      }
    }
    const result = summarize({ id, subject: `codec, ${task}`, peer: 'libnghttp2' }, rounds);
    const nsOf = (side: keyof Round) => (median(rounds.map((round) => round[side])) * 1e9) / operations;
    return { result, subjectNs: nsOf('subject'), peerNs: nsOf('peer') };
  } finally {
    await peer.end();
  }
}

let consumed = 0;

/** CPU seconds of one call, over as many as fit. */
function timeFor(run: () => number, milliseconds: number): number {
  const started = cpuSeconds();
  let calls = 0;
  let used = 0;
  while (used * 1000 < milliseconds) {
    consumed = (consumed + run()) % 0x1_0000_0000;
    calls++;
    used = cpuSeconds() - started;
  }
  return used / calls;
}

class NativePeer {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #bytesSeen: number;
  readonly #ended: Promise<never>;

  constructor(program: string, task: string, corpus: string, bytesSeen: number) {
    const child = spawn(program, [task, corpus], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout });
    this.#bytesSeen = bytesSeen;
    this.#ended = once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`the native program ended with ${code}`)),
    );
    // Nobody may be waiting for it at the time.
    this.#ended.catch(() => {});
  }

  /** Seconds of one pass over all spans. Throws when it read other bytes than we do, or ended. */
  async time(): Promise<number> {
    this.#process.stdin?.write(`${MILLISECONDS}\n`);
    const line = await Promise.race([once(this.#lines, 'line').then(([text]) => String(text)), this.#ended]);
    const [nanoseconds, bytes] = line.split(' ').map(Number);
    if (bytes !== this.#bytesSeen) throw new Error(`nghttp2 saw ${bytes} bytes, the codec ${this.#bytesSeen}`);
    return Number(nanoseconds) / 1e9;
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
  }
}

/** The file that nghttp2.c reads. */
export function corpusFile(warm: readonly Uint8Array[], spans: readonly Uint8Array[]): Buffer {
  const all = [...warm, ...spans];
  const file = Buffer.alloc(all.reduce((size, span) => size + 4 + span.length, 8));
  file.writeUInt32LE(warm.length, 0);
  let at = file.writeUInt32LE(spans.length, 4);
  for (const span of all) {
    at = file.writeUInt32LE(span.length, at);
    file.set(span, at);
    at += span.length;
  }
  return file;
}
