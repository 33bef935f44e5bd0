/**
 * Profiles and heap snapshots of a worker, by way of its head. A snapshot is fetched piece by piece as its reader takes
 * them, so that neither process holds more than one; a reader that stops for `ABANDONED_MS` ends it.
 */
import { Readable } from 'node:stream';
import type { Diagnostics } from '../admin/diagnostics.js';
import type { Channel, Handlers } from './channel.js';
import type { FromHead } from './protocol.js';

/** On top of the seconds asked for: a busy worker answers late. */
const PROFILE_SLACK_MS = 10_000;
/** The first piece comes when the whole heap has been walked. */
const PIECE_MS = 60_000;
const ABANDONED_MS = 30_000;
/** V8 hands out a snapshot in small pieces, and each answer takes a turn of both processes. */
const PIECE_BYTES = 1_048_576;

/** The head's side. */
export function remoteDiagnostics({ ask }: Pick<Channel<FromHead>, 'ask'>): Diagnostics {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let first = true; ; first = false) {
      const piece = await ask('heapSnapshot', { first }, PIECE_MS);
      if (piece === null) return;
      yield piece;
    }
  }
  return {
    cpuProfile: (options) => ask('cpuProfile', options, options.seconds * 1_000 + PROFILE_SLACK_MS),
    heapSnapshot: () => Readable.from(pieces(), { objectMode: false }),
  };
}

/** The worker's side. */
export function answerDiagnostics(own: Diagnostics): Pick<Handlers<FromHead>['asked'], 'cpuProfile' | 'heapSnapshot'> {
  const never = new AbortController().signal;
  let snapshot: Readable | undefined;
  let pieces: AsyncIterator<Buffer> | undefined;
  let abandoned: NodeJS.Timeout | undefined;

  function end(): void {
    snapshot?.destroy();
    snapshot = undefined;
    pieces = undefined;
  }

  return {
    cpuProfile: (options) => own.cpuProfile(options, never),
    async heapSnapshot({ first }) {
      clearTimeout(abandoned);
      if (first) {
        end();
        snapshot = own.heapSnapshot();
        pieces = snapshot[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      }
      const piece = pieces && (await gather(pieces));
      if (!piece || piece.length === 0) {
        end();
        return null;
      }
      abandoned = setTimeout(end, ABANDONED_MS).unref();
      return piece;
    },
  };
}

/** Up to `PIECE_BYTES` and what the last piece has over; empty at the end. */
async function gather(pieces: AsyncIterator<Buffer>): Promise<Uint8Array> {
  const gathered: Buffer[] = [];
  for (let bytes = 0; bytes < PIECE_BYTES; ) {
    const next = await pieces.next();
    if (next.done) break;
    gathered.push(next.value);
    bytes += next.value.length;
  }
  return Buffer.concat(gathered);
}
