/** A proxy of the tunnel benchmark as a process of its own: `proxy.js <relay>`. Loads nothing of the other relays. */
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cpuSeconds } from '../cpu.js';
import type { ProxyCalls, RelayKind, Usage } from './contract.js';
import { now } from './load/load.js';
import type { Relay } from './relays/relay.js';
import { serve } from './rpc.js';

const LOADERS: Readonly<Record<RelayKind, () => Promise<Relay>>> = {
  hbone: async () => (await import('./relays/hbone.js')).relay,
  'http2-tuned': async () => (await import('./relays/http2.js')).createRelay('tuned'),
  'http2-default': async () => (await import('./relays/http2.js')).createRelay('default'),
  tls: async () => (await import('./relays/tls.js')).relay,
  'nested-pooled': async () => (await import('./relays/nested.js')).createRelay('pooled'),
  'nested-fresh': async () => (await import('./relays/nested.js')).createRelay('fresh'),
};

const PROFILE_INTERVAL_MICROSECONDS = 200;

const relay = await LOADERS[process.argv[2] as RelayKind]();

const session = new Session();

serve<ProxyCalls>({
  client: (init) => relay.client(init),
  server: (init) => relay.server(init),
  usage,
  async settled() {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // Twice: what finalizers let go of is only free after the second.
    for (let pass = 0; pass < 2; pass++) {
      collect();
      await new Promise(setImmediate);
    }
    return usage();
  },
  async profile() {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: PROFILE_INTERVAL_MICROSECONDS });
    await session.post('Profiler.start');
  },
  async endProfile(file) {
    const { profile } = await session.post('Profiler.stop');
    await writeFile(file, JSON.stringify(profile));
    session.disconnect();
  },
});

function usage(): Usage {
  return { atSeconds: now(), cpuSeconds: cpuSeconds(), rssBytes: process.memoryUsage.rss() };
}
