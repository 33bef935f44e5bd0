/**
 * The admin paths for profiles, under ztunnel's names. One of each kind at a time: a second request is refused, since two
 * snapshots at once could be what exhausts the memory one wanted to look at.
 */
import type { Diagnostics, ProfileOptions } from './diagnostics.js';
import type { Answer, Route } from './http.js';

/** Of the process by that number, a worker's or 0 for the one that serves this page; undefined when there is none. */
export type DiagnosticsOf = (process: number) => Diagnostics | undefined;

/** ztunnel's bounds and defaults. */
const SECONDS = { least: 1, most: 300, otherwise: 10 } as const;
const FREQUENCY = { least: 1, most: 1_000, otherwise: 100 } as const;
const PROCESS = { least: 0, most: 256, otherwise: 0 } as const;

export function diagnosticsRoutes(diagnosticsOf: DiagnosticsOf): readonly Route[] {
  const profiling = oneAtATime('a CPU profile is being taken');
  const snapshotting = oneAtATime('a heap snapshot is being taken');
  return [
    {
      method: 'GET',
      path: '/debug/pprof/profile',
      summary: 'CPU profile for Chrome developer tools: ?seconds=10&frequency=100&worker=0',
      async handle(query, signal) {
        const options = profileOptions(query);
        if (!options) return badNumber;
        return withProcess(query, diagnosticsOf, (diagnostics) =>
          profiling(async (done) => {
            const body = await diagnostics.cpuProfile(options, signal).finally(done);
            return { status: 200, body, contentType: 'application/json', fileName: 'isthmus-proxy.cpuprofile' };
          }),
        );
      },
    },
    {
      method: 'GET',
      path: '/debug/pprof/heap',
      summary: 'heap snapshot for Chrome developer tools: ?worker=0; stops the process while it is made',
      handle: (query) =>
        withProcess(query, diagnosticsOf, (diagnostics) =>
          snapshotting(async (done) => {
            const body = diagnostics.heapSnapshot().once('close', done);
            return { status: 200, body, contentType: 'application/json', fileName: 'isthmus-proxy.heapsnapshot' };
          }),
        ),
    },
  ];
}

const badNumber: Answer = {
  status: 400,
  body: `seconds is from ${SECONDS.least} to ${SECONDS.most}, frequency from ${FREQUENCY.least} to ${FREQUENCY.most}, worker 0 or an id of the workers in /config_dump\n`,
};

function profileOptions(query: URLSearchParams): ProfileOptions | undefined {
  const seconds = numberIn(query, 'seconds', SECONDS);
  const frequency = numberIn(query, 'frequency', FREQUENCY);
  return seconds === undefined || frequency === undefined ? undefined : { seconds, frequency };
}

function numberIn(
  query: URLSearchParams,
  name: string,
  { least, most, otherwise }: { readonly least: number; readonly most: number; readonly otherwise: number },
): number | undefined {
  const text = query.get(name);
  if (text === null) return otherwise;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return number >= least && number <= most ? number : undefined;
}

async function withProcess(
  query: URLSearchParams,
  diagnosticsOf: DiagnosticsOf,
  use: (diagnostics: Diagnostics) => Promise<Answer>,
): Promise<Answer> {
  const process = numberIn(query, 'worker', PROCESS);
  if (process === undefined) return badNumber;
  const diagnostics = diagnosticsOf(process);
  return diagnostics ? use(diagnostics) : { status: 404, body: `there is no worker ${process}\n` };
}

/** Runs what it is given unless something still runs; whoever runs says when it is done. */
function oneAtATime(busy: string): (run: (done: () => void) => Promise<Answer>) => Promise<Answer> {
  let running = false;
  return async (run) => {
    if (running) return { status: 409, body: `${busy}; try again when it is done\n` };
    running = true;
    const done = () => {
      running = false;
    };
    return run(done).catch((error: unknown) => {
      done();
      throw error;
    });
  };
}
