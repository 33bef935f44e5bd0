#!/usr/bin/env node
/**
 * `isthmus-proxy <role>`. Settings come from the environment; `--help` lists them.
 *
 * Exit codes: 0 stopped by a signal or by /quitquitquit, 1 failure while starting or running, 2 bad usage or settings.
 * The first SIGTERM or SIGINT drains, the second does not wait, the third leaves at once.
 */
import { createScope, expectManySockets, expectShortLives } from '@isthmus/sdk/runtime';
import { Command, CommanderError } from 'commander';
import { createExplainCommand } from './admin/explain/command.js';
import { type App, startApp } from './app.js';
import { createRulesCommand } from './capture/rules/command.js';
import { helpOf } from './config/print.js';
import type { Environment } from './config/table.js';
import { effectiveSettings, ROLE_NAMES, type RoleName, readSettings, SETTINGS, type Settings } from './config.js';
import { ROLES } from './roles/index.js';
import { version } from './version.js';
import { inheritListeners, isWorker, runWorker } from './workers/worker.js';

const EXIT = { clean: 0, failed: 1, misused: 2 } as const;
/** After draining, what closing sockets and servers may take. */
const CLOSE_MS = 3_000;

function settingsOrExit(role: RoleName, env: Environment = process.env): Settings {
  const result = readSettings(role, env);
  if (result.ok) return result.settings;
  process.stderr.write(`isthmus-proxy ${role}: the settings cannot be used\n`);
  for (const problem of result.problems) process.stderr.write(`  ${problem}\n`);
  process.exit(EXIT.misused);
}

/** What the command line says comes before the environment, under the name of the setting it stands for. */
function withWorkers(env: Environment, workers: string): Environment {
  return { ...env, [SETTINGS.workers.env[0]]: workers };
}

async function run(role: RoleName, { workers }: { readonly workers?: string }): Promise<void> {
  const settings = settingsOrExit(role, workers === undefined ? process.env : withWorkers(process.env, workers));
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
  app = await startApp(scope, {
    settings,
    role: ROLES[role],
    version: version(),
    stdout: process.stdout,
    quit: onSignal,
    program: process.argv[1] ?? '',
  });
  // Stopped before it was ready is stopped, not failed.
  await app.ready.catch((error: unknown) => {
    if (signals === 0) throw error;
  });
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
      .option('--workers <n>', `processes that carry the traffic; comes before ${SETTINGS.workers.env[0]}`)
      .action((options: { readonly workers?: string }) => run(role, options));
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
  const rules = createRulesCommand((script) => void process.stdout.write(script));
  command.addCommand(rules.copyInheritedSettings(command));
  const explain = createExplainCommand({
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(`isthmus-proxy explain: ${text}`),
    exit: (code) => {
      process.exitCode = code;
    },
  });
  command.addCommand(explain.copyInheritedSettings(command));
  return command;
}

/** Signals reach the whole process group; what a worker does about them its head says. */
function work(): void {
  inheritListeners(process.env, process);
  process.on('SIGTERM', () => {}).on('SIGINT', () => {});
  runWorker({ roles: ROLES, stdout: process.stdout, exit: (code) => process.exit(code) });
}

/** No `await` at the top: the single executable is made of a CommonJS bundle. */
async function main(): Promise<void> {
  expectShortLives();
  expectManySockets();
  // Whoever read our output has left; that is no reason to stop carrying traffic, nor to complain.
  process.stdout.on('error', () => {});
  try {
    if (isWorker(process.env)) work();
    else await program().parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      process.stderr.write(`isthmus-proxy: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(EXIT.failed);
    }
    if (error.exitCode !== 0 && error.code === 'role') process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error.exitCode === 0 ? EXIT.clean : EXIT.misused;
  }
}

void main();
