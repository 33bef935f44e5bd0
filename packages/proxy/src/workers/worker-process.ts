/**
 * One worker process as its head sees it: forked, told the state, asked for its numbers. The process inherits standard
 * output and error, and an IPC channel; listening sockets it opens are the head's, shared with the other workers.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Snapshot } from '@isthmus/sdk/discovery';
import { type Channel, createChannel } from './channel.js';
import type { WireCredential } from './credentials.js';
import type { FromHead, FromWorker, WorkerStart } from './protocol.js';
import { batchesOf, encodeBatch } from './state.js';

/** Tells the program that it is a worker, and which. */
export const WORKER_VARIABLE = 'ISTHMUS_WORKER';

export interface WorkerProcessInit {
  readonly id: number;
  /** What a worker runs: the path of this program. */
  readonly program: string;
  onHello(): void;
  onServing(): void;
  onFailed(reason: string): void;
  onDrained(): void;
  /** Once, whatever it ended of. */
  onExit(how: string): void;
  certificate(identity: string): Promise<WireCredential>;
  demand(names: readonly string[]): Promise<readonly string[]>;
}

export interface WorkerProcess {
  readonly pid: number | undefined;
  readonly channel: Channel<FromHead>;
  kill(): void;
}

export function forkWorker(init: WorkerProcessInit): WorkerProcess {
  // Structured clone instead of JSON: maps and bytes travel as they are. Round robin, because tunnels live long and the
  // kernel's own choice among several acceptors is uneven.
  cluster.setupPrimary({ exec: init.program, args: [], serialization: 'advanced' });
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const worker = cluster.fork({ ...withoutCredentials(process.env), [WORKER_VARIABLE]: String(init.id) });
  const kill = () => void worker.process.kill('SIGKILL');
  const channel = channelTo(worker, init, kill);
  // A write to a process that has just died; its end is told by `exit`.
  worker.on('error', () => {});
  worker.once('exit', (code: number | null, signal: string | null) => {
    channel.close();
    init.onExit(signal ? `ended by ${signal}` : `exited with ${code}`);
  });
  return { pid: worker.process.pid, channel, kill };
}

/** They are for the control plane, and a worker speaks to none. */
function withoutCredentials(env: NodeJS.ProcessEnv): Record<string, undefined> {
  const names = Object.keys(env).filter((name) => name === 'AUTH_TOKEN' || /^(XDS|CA)_HEADER_/.test(name));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

function channelTo(worker: Worker, init: WorkerProcessInit, kill: () => void): Channel<FromHead> {
  return createChannel<FromHead, FromWorker>(
    {
      send(message, sent) {
        if (worker.isConnected()) worker.send(message, sent);
      },
      onMessage: (listener) => void worker.on('message', listener),
      onStuck: kill,
    },
    {
      told: {
        hello: () => init.onHello(),
        serving: () => init.onServing(),
        failed: (reason) => init.onFailed(reason),
        drained: () => init.onDrained(),
      },
      asked: { certificate: (identity) => init.certificate(identity), demand: (names) => init.demand(names) },
    },
  );
}

export interface WorkerState {
  readonly start: WorkerStart;
  readonly trust: FromHead['tell']['trust'];
  readonly credentials: readonly WireCredential[];
  readonly snapshot: Snapshot;
}

/** Everything a worker needs before it serves; changes may follow at once. */
export function tellState({ tell }: Channel<FromHead>, { start, trust, credentials, snapshot }: WorkerState): void {
  tell('start', start);
  tell('trust', trust);
  for (const credential of credentials) tell('credential', credential);
  for (const batch of batchesOf(snapshot)) tell('batch', encodeBatch(batch));
  tell('synced', null);
}
