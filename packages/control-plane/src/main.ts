#!/usr/bin/env node
/**
 * Entry point of `isthmus-control-plane`. Exit codes: 0 done, 1 something is wrong with the input or the environment.
 */
import { readFileSync } from 'node:fs';
import { CommandError, processStreams } from './commands/output.js';
import { createProgram } from './commands/program.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

createProgram(version, processStreams)
  .parseAsync()
  .then(
    () => process.exit(0),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== '') processStreams.err(`error: ${message}`);
      if (!(error instanceof CommandError) && process.env.DEBUG) console.error(error);
      process.exit(1);
    },
  );
