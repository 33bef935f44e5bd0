/**
 * The lab as a program: `npm run mesh`. Standard output is the result (table and addresses, or one JSON object);
 * progress and complaints go to standard error.
 */
import { missingForLab } from './netns/requirements.js';
import { parseOptions } from './options.js';
import { findPrograms } from './programs.js';
import { createProgress } from './progress.js';
import { addresses, complaints, jsonReport } from './report.js';
import { runOnce } from './run.js';
import { startLab } from './start.js';
import { renderTable } from './table.js';

const options = parseOptions(process.argv.slice(2));
const progress = createProgress(process.stderr);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) progress.step(`${signal}: stopping`);
    stop.abort(new Error(`interrupted by ${signal}`));
  });
}
const deadline = AbortSignal.timeout(options.timeoutSeconds * 1_000);

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const { baggage, keepLogs, netns, remote } = options;
    const missing = netns ? missingForLab(findPrograms().proxy) : [];
    if (missing.length > 0) {
      process.stderr.write(`--netns is not possible here; it needs ${missing.join('; ')}\n`);
      return 2;
    }
    const ground = netns ? 'netns' : 'loopback';
    const signal = AbortSignal.any([stop.signal, deadline]);
    const lab = await startLab({
      baggage,
      progress,
      signal,
      ground,
      remote,
      ...(keepLogs === undefined ? {} : { keepLogs }),
    });
    try {
      const result = await runOnce(lab, options.requests, progress, signal);
      if (options.json) process.stdout.write(`${JSON.stringify(jsonReport(result, progress.seconds()))}\n`);
      else process.stdout.write(`\n${renderTable(result.series)}\n${complaints(result)}`);
      if (options.check) return result.ok ? 0 : 1;
      process.stdout.write(addresses(lab));
      await untilStopped(lab.processes.list());
      return 0;
    } finally {
      await lab.close();
      progress.step('everything is stopped and removed');
    }
  } catch (error) {
    const interrupted = stop.signal.aborted;
    const late = deadline.aborted ? `gave up after ${options.timeoutSeconds} s: ` : '';
    process.stderr.write(`${late}${(error as Error).message}\n`);
    return interrupted ? 130 : 1;
  }
}

/** Until Ctrl-C. A process that ends by itself is news, not the end. */
async function untilStopped(
  running: readonly { readonly spec: { readonly name: string }; readonly exited: Promise<string> }[],
): Promise<void> {
  for (const { spec, exited } of running) {
    void exited.then((how) => {
      if (!stop.signal.aborted) progress.warn(`${spec.name} ended with ${how}`);
    });
  }
  if (stop.signal.aborted) return;
  await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
}
