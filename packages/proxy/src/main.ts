#!/usr/bin/env node
/**
 * `isthmus-proxy <role>`. Settings come from the environment; `--help` lists them.
 *
 * Exit codes: 0 stopped by a signal or by /quitquitquit, 1 failure while starting or running, 2 bad usage or settings.
 * The first SIGTERM or SIGINT drains, the second does not wait, the third leaves at once.
 */
import { readFileSync } from 'node:fs';
import { createScope } from '@isthmus/sdk/runtime';
import { Command, CommanderError } from 'commander';
import { type App, startApp } from './app.js';
import { helpOf } from './config/print.js';
import { effectiveSettings, ROLE_NAMES, type RoleName, readSettings, SETTINGS, type Settings } from './config.js';
import { ROLES } from './roles/index.js';

const EXIT = { clean: 0, failed: 1, misused: 2 } as const;
/** After draining, what closing sockets and servers may take. */
const CLOSE_MS = 3_000;

function settingsOrExit(role: RoleName): Settings {
  const result = readSettings(role, process.env);
  if (result.ok) return result.settings;
  process.stderr.write(`isthmus-proxy ${role}: the settings cannot be used\n`);
  for (const problem of result.problems) process.stderr.write(`  ${problem}\n`);
  process.exit(EXIT.misused);
}

async function run(role: RoleName): Promise<void> {
  const settings = settingsOrExit(role);
  const scope = createScope();
  let app: App | undefined;
  let signals = 0;

  async function stop(): Promise<void> {
    setTimeout(() => process.exit(EXIT.clean), settings.terminationDeadlineMs + CLOSE_MS).unref();
    const outcome = await app?.drain.start();
    app?.log.info({ scope: role, outcome }, 'stopping');
    await scope.close('stopped').catch((error) => app?.log.warn({ err: error }, 'closing'));
    app?.flush();
    process.exit(EXIT.clean);
  }
  function onSignal(): void {
    signals += 1;
    if (signals === 1) void stop();
    else if (signals === 2 && app) app.drain.force();
    else process.exit(EXIT.clean);
  }
  function fail(error: unknown): void {
    app?.flush();
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`isthmus-proxy ${role}: ${text}\n`);
    process.exit(EXIT.failed);
  }

  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('uncaughtException', fail).on('unhandledRejection', fail);
  // Whoever read our log has left; that is no reason to stop carrying traffic.
  process.stdout.on('error', () => {});
  app = await startApp(scope, {
    settings,
    role: ROLES[role],
    version: version(),
    stdout: process.stdout,
    quit: onSignal,
  });
  // Stopped before it was ready is stopped, not failed.
  await app.ready.catch((error: unknown) => {
    if (signals === 0) throw error;
  });
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest && 'version' in manifest ? String(manifest.version) : 'unknown';
}

function program(): Command {
  const command = new Command('isthmus-proxy')
    .description('ztunnel, waypoint and east-west gateway of an Isthmus mesh, wire-compatible with Istio ambient')
    .version(version())
    .exitOverride()
    .addHelpText('after', `\nSettings (environment variables):\n${helpOf(SETTINGS)}\n`);
  for (const role of ROLE_NAMES) {
    command
      .command(role)
      .description(ROLES[role].summary)
      .action(() => run(role));
  }
  command
    .command('config')
    .description('print the settings in effect for a role, without secrets, and exit')
    .argument('[role]', ROLE_NAMES.join(', '), 'ztunnel')
    .action((name: string) => {
      const role = ROLE_NAMES.find((each) => each === name);
      if (!role) throw new CommanderError(EXIT.misused, 'role', `no role "${name}"; one of ${ROLE_NAMES.join(', ')}`);
      process.stdout.write(`${JSON.stringify(effectiveSettings(settingsOrExit(role)), null, 2)}\n`);
    });
  return command;
}

try {
  await program().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`isthmus-proxy: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(EXIT.failed);
  }
  if (error.exitCode !== 0 && error.code === 'role') process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error.exitCode === 0 ? EXIT.clean : EXIT.misused;
}
