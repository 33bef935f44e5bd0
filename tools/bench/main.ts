/** The benchmarks as a program; see docs/performance.md. Results go to standard output, progress to standard error. */
import { docs, gate, run } from './commands.js';
import { native } from './native.js';
import { dispatch } from './options.js';
import { tunnel } from './tunnel/command.js';
import { xds } from './xds.js';

try {
  process.exitCode = await dispatch(process.argv.slice(2), { run, gate, native, tunnel, xds, docs });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exitCode = 1;
}
