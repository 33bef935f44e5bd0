/** The load and its applications as a process of their own. */
import type { Count, LoadCalls, LoadInit } from '../contract.js';
import { serve } from '../rpc.js';
import { ApplicationHost } from './applications.js';
import { Download, Upload } from './bulk.js';
import { Churn, Idle } from './connections.js';
import { verify } from './integrity.js';
import { type Load, now } from './load.js';
import { Paced } from './paced.js';
import { PingPong } from './ping-pong.js';

/** What a proxy may take to let go of connections whose clients are gone. */
const QUIET_DEADLINE_MS = 10_000;

const host = new ApplicationHost();
let current: Load | undefined;

serve<LoadCalls>({
  applications: () => host.listen(),
  async begin(init) {
    current = create(init);
    await current.start();
  },
  count,
  async end() {
    current?.stop();
    current = undefined;
    await quiet();
  },
  async verify(init) {
    await verify(init);
    await quiet();
  },
});

function create(init: LoadInit): Load {
  switch (init.kind) {
    case 'upload':
      return new Upload(init, host);
    case 'download':
      return new Download(init);
    case 'ping-pong':
      return new PingPong(init);
    case 'paced':
      return new Paced(init);
    case 'churn':
      return new Churn(init);
    case 'idle':
      return new Idle(init);
  }
}

function count(): Count {
  if (!current) throw new Error('no load runs');
  const { bytes, operations } = current;
  return { atSeconds: now(), bytes, operations, ...(current instanceof Paced ? current.latencies() : {}) };
}

/** Connections of a load must not outlive it: they would disturb the next one, and be a leak of the proxies. */
async function quiet(): Promise<void> {
  const until = now() + QUIET_DEADLINE_MS / 1_000;
  while (host.connections > 0) {
    if (now() > until)
      throw new Error(`${host.connections} connections outlived their clients by ${QUIET_DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
