/** `serve`: runs until SIGTERM or SIGINT, then closes in order. A second signal ends at once. */
import { readFile } from 'node:fs/promises';
import { createLogger } from '@isthmus/sdk/runtime';
import { startControlPlane } from '../app.js';
import { readSettings, type Settings } from '../config.js';
import { CommandError, printJson, problemLines, type Streams } from './output.js';

export interface ServeOptions {
  readonly config: string;
  readonly json?: boolean;
}

export async function serve({ config, json }: ServeOptions, streams: Streams): Promise<void> {
  const settings = await loadSettings(config, json ? 'json' : 'text', streams);
  const log = createLogger({ level: settings.logLevel });
  const controlPlane = await startControlPlane(settings, { log });
  await firstSignal();
  log.info('closing');
  process.once('SIGTERM', () => process.exit(1));
  process.once('SIGINT', () => process.exit(1));
  await controlPlane.close();
  log.info('closed');
}

/** All problems are printed before the command fails. */
export async function loadSettings(file: string, format: 'json' | 'text', streams: Streams): Promise<Settings> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandError(`the configuration cannot be read: ${error.message}`);
  });
  const read = readSettings(file, text);
  if (read.ok) return read.settings;
  if (format === 'json') printJson(streams, { ok: false, problems: read.problems });
  else streams.err(problemLines(read.problems));
  throw new CommandError(`${read.problems.length} problem(s) in ${file}`);
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      process.off('SIGTERM', done);
      process.off('SIGINT', done);
      resolve();
    };
    process.on('SIGTERM', done);
    process.on('SIGINT', done);
  });
}
