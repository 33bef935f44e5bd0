/**
 * The load of a soak: every path of the lab over and over, a new connection per call, and connections that are held open
 * and spoken on all the time. Bounded by its workers, each of which rests between calls.
 */
import type { Socket } from 'node:net';
import {
  connectBySocks5,
  getBySocks5,
  grpcBySocks5,
  linesBySocks5,
  listRequest,
  serviceAddress,
  socks5Entry,
  type World,
} from '@isthmus/tools/lab';
import type { Book } from './ledger.js';

interface Path {
  readonly name: string;
  /** Through an east-west gateway, always or sometimes. */
  readonly crosses: boolean;
  readonly workers: number;
  /** Throws when it fails. */
  call(world: World): Promise<void>;
}

const REST_MS = 25;
const HELD_BEAT_MS = 250;
const ANSWER_MS = 10_000;

async function expectStatus(answer: Promise<{ readonly status: number; readonly body: string }>): Promise<void> {
  const { status, body } = await answer;
  if (status !== 200) throw new Error(`status ${status}: ${body.trim().slice(0, 200)}`);
}

async function expectLine(answer: Promise<string>): Promise<void> {
  const line = await answer;
  if (!line.startsWith('OK ')) throw new Error(`answer ${JSON.stringify(line.slice(0, 80))}`);
}

const PATHS: readonly Path[] = [
  {
    name: 'HTTP, waypoint of the caller, east',
    crosses: true,
    workers: 2,
    call: (world) => expectStatus(getBySocks5(socks5Entry(world, 'east'), serviceAddress('reviews'), '/reviews/1')),
  },
  {
    name: 'HTTP, waypoint of the caller, west',
    crosses: true,
    workers: 2,
    call: (world) => expectStatus(getBySocks5(socks5Entry(world, 'west'), serviceAddress('reviews'), '/reviews/2')),
  },
  {
    name: 'HTTP, waypoint of the far side',
    crosses: true,
    workers: 2,
    call: (world) => expectStatus(getBySocks5(socks5Entry(world, 'east'), serviceAddress('ratings'), '/ratings/1')),
  },
  {
    name: 'gRPC, waypoint of the caller',
    crosses: true,
    workers: 2,
    async call(world) {
      const method = '/shop.v1.Recommendations/Watch';
      const answer = await grpcBySocks5(
        socks5Entry(world, 'east'),
        serviceAddress('recommendations'),
        method,
        listRequest('1'),
      );
      if (answer.status !== 0) throw new Error(`gRPC status ${answer.status}`);
    },
  },
  {
    name: 'TCP, across networks',
    crosses: true,
    workers: 2,
    call: (world) => expectLine(linesBySocks5(socks5Entry(world, 'east'), serviceAddress('ledger'), 'ADD soak')),
  },
  {
    name: 'TCP, within a network',
    crosses: false,
    workers: 1,
    call: (world) => expectLine(linesBySocks5(socks5Entry(world, 'west'), serviceAddress('ledger'), 'COUNT')),
  },
  {
    name: 'TCP, not exported: must be refused',
    crosses: false,
    workers: 1,
    async call(world) {
      const answer = await linesBySocks5(socks5Entry(world, 'east'), serviceAddress('audit'), 'COUNT').catch(() => '');
      if (answer !== '') throw new Error('a service that is not exported answered');
    },
  },
];

const HELD = [
  { name: 'held TCP connection, across networks', crosses: true, from: 'east' },
  { name: 'held TCP connection, within a network', crosses: false, from: 'west' },
] as const;

export const CROSSING: ReadonlySet<string> = new Set(
  [...PATHS, ...HELD].filter(({ crosses }) => crosses).map(({ name }) => name),
);

/** Calls until the signal aborts; resolves when the last call has ended. `now` is the clock of the run. */
export async function runLoad(world: World, book: Book, now: () => number, signal: AbortSignal): Promise<void> {
  const callers = PATHS.flatMap((path) =>
    Array.from({ length: path.workers }, () => repeat(path, world, book, now, signal)),
  );
  const holders = HELD.map((held) => hold(held, world, book, now, signal));
  await Promise.all([...callers, ...holders]);
}

async function repeat(path: Path, world: World, book: Book, now: () => number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startedMs = now();
    const error = await path.call(world).then(
      () => undefined,
      (cause: Error) => cause.message,
    );
    book.note({ path: path.name, startedMs, endedMs: now(), ...(error === undefined ? {} : { error }) });
    await rest(REST_MS, signal);
  }
}

/** One connection for as long as it lasts, a word and its echo at every beat; opened again when it was lost. */
async function hold(
  { name, from }: (typeof HELD)[number],
  world: World,
  book: Book,
  now: () => number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const startedMs = now();
    let beats = 0;
    try {
      const socket = await connectBySocks5(socks5Entry(world, from), serviceAddress('ledger'));
      try {
        socket.write('MIRROR\n');
        for (; !signal.aborted; beats += 1) {
          await beat(socket, `beat ${beats}\n`);
          await rest(HELD_BEAT_MS, signal);
        }
      } finally {
        socket.destroy();
      }
      book.note({ path: name, startedMs, endedMs: now() });
    } catch (error) {
      book.note({ path: name, startedMs, endedMs: now(), error: `after ${beats} beats: ${(error as Error).message}` });
      await rest(REST_MS, signal);
    }
  }
}

/** Says a word and hears it; rejects when the connection ends first. */
function beat(socket: Socket, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = word.length;
    const settle = (error?: Error) => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose).off('end', onClose).off('error', settle);
      // Whatever happens between two beats is seen at the next one.
      socket.on('error', ignore);
      if (error) reject(error);
      else resolve();
    };
    const onData = (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) settle();
    };
    const onClose = () => settle(new Error('the connection was closed'));
    const timer = setTimeout(() => settle(new Error(`no echo within ${ANSWER_MS} ms`)), ANSWER_MS);
    if (socket.destroyed || socket.readableEnded) return onClose();
    socket.off('error', ignore).on('data', onData).on('close', onClose).on('end', onClose).on('error', settle);
    socket.write(word);
  });
}

function ignore(): void {}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
