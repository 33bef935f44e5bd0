#!/usr/bin/env node
/** Entry point of `isthmusctl`; its exit codes are in `commands/ctl.ts`. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { createCtl } from './commands/ctl.js';
import { processStreams } from './commands/output.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = createCtl(version, processStreams, (code) => {
  process.exitCode = code;
});
program.exitOverride();
for (const command of program.commands) command.exitOverride();
program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  processStreams.err(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
