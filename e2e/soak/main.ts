/**
 * The soak as a program, run by `npm run soak -w e2e`. Standard output is the result; progress goes to standard error.
 */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, silentProgress, startLab } from '@isthmus/tools/lab';
import { createBook } from './ledger.js';
import { CROSSING, runLoad } from './load.js';
import { certificatesIssued, disturb, gone, probeEnvironment, until, watchMemory } from './mesh.js';
import { parseOptions, type SoakOptions, USAGE } from './options.js';
import { forPeople, judge, type SoakReport } from './report.js';
import { CERTIFICATE_SETTINGS, timelineOf } from './timeline.js';

const MEMORY_EVERY_MS = 10_000;

const options = parseOptions(process.argv.slice(2));
if (options instanceof Error) {
  process.stderr.write(`${options.message}\n${USAGE}`);
  process.exit(2);
}
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
process.exitCode = await main(options);

async function main(given: SoakOptions): Promise<number> {
  const report = await soak(given);
  process.stdout.write(given.json ? `${JSON.stringify(report)}\n` : forPeople(report));
  return report.ok ? 0 : 1;
}

/** For whoever wants to look at its admin page meanwhile. */
function waypointOf({ world }: Lab): string {
  return world.clusters.east.gateways.find(({ role }) => role === 'waypoint')?.ip ?? 'nowhere';
}

async function soak({ minutes, keepLogs }: SoakOptions): Promise<SoakReport> {
  const probes = mkdtempSync(join(tmpdir(), 'isthmus-soak-'));
  const lab = await startLab({
    environment: probeEnvironment(probes),
    progress: silentProgress,
    eastWestGateways: 2,
    proxySettings: CERTIFICATE_SETTINGS,
    ...(keepLogs === undefined ? {} : { keepLogs }),
  });
  try {
    const began = performance.now();
    const now = () => performance.now() - began;
    const say = (text: string) => process.stderr.write(`${(now() / 1_000).toFixed(1).padStart(7)}s  ${text}\n`);
    const over = new AbortController();
    // One per worker that rests.
    setMaxListeners(0, over.signal);
    interrupted.signal.addEventListener('abort', () => over.abort(), { once: true });
    const book = createBook(CROSSING);
    const loading = runLoad(lab.world, book, now, over.signal);
    const watching = watchMemory(lab, probes, { now, everyMs: MEMORY_EVERY_MS, signal: over.signal });
    say(`load for ${minutes} minutes; the waypoint of east is ${waypointOf(lab)}`);
    await disturb(lab, timelineOf(minutes * 60_000), { book, now, say, signal: over.signal });
    await until(minutes * 60_000 - now(), over.signal);
    over.abort();
    await loading;
    const lengthMs = now();
    say('load has ended');
    return judge({ lengthMs, book, memory: await watching, certificates: certificatesIssued(lab), gone: gone(lab) });
  } finally {
    await lab.close();
    rmSync(probes, { recursive: true, force: true });
  }
}
