/** The command line of the benchmarks. Commander reports what is wrong with it; exit code 2. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { MIN_ROUNDS } from './measure.js';
import type { TunnelOptions } from './tunnel/command.js';
import type { XdsOptions } from './xds.js';

export interface RunOptions {
  readonly json?: string;
  readonly grep?: RegExp;
  readonly profile?: string;
  readonly rounds: number;
}

export interface GateOptions {
  readonly update: boolean;
  readonly rounds: number;
}

/** What each command of the line is to do; the program calls one of them. */
export interface Commands {
  run(options: RunOptions): Promise<number>;
  gate(options: GateOptions): Promise<number>;
  native(options: { readonly rounds: number }): Promise<number>;
  tunnel(options: TunnelOptions): Promise<number>;
  xds(options: XdsOptions): Promise<number>;
  docs(file: string): Promise<number>;
}

/** Rounds of `bench`; the gate takes fewer, because a case that is below is measured again. */
const ROUNDS = 11;
const GATE_ROUNDS = 7;

/** Parses the line and runs the command; answers the exit code. */
export async function dispatch(argv: readonly string[], commands: Commands): Promise<number> {
  let code = 0;
  const set = (result: number) => {
    code = result;
  };
  const program = new Command('npm run')
    .description(
      'Races the codec, the tunnels and the control plane against named peers; ratio > 1 says how many times faster they are.',
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  program
    .command('bench')
    .usage('-- [options]')
    .description('measures and prints a table')
    .option('--json <file>', 'write the results there as JSON')
    .option('--grep <regexp>', 'only cases whose id matches', pattern)
    .option('--profile <id>', 'instead of measuring, leave a CPU profile of the subject of that case here')
    .addOption(rounds(ROUNDS))
    .action(async (options: RunOptions) => set(await commands.run(options)));
  program
    .command('bench:gate')
    .usage('-- [options]')
    .description('exit 1 when a case is under its floor, or more than 15 % under its committed ratio, twice running')
    .option('--update', 'commit to what is measured now: three runs, the lowest ratio of each case', false)
    .addOption(rounds(GATE_ROUNDS))
    .action(async (options: GateOptions) => set(await commands.gate(options)));
  program
    .command('bench:native')
    .usage('-- [options]')
    .description('sets HPACK decoding and frame scan beside libnghttp2; skipped without a C compiler and its headers')
    .addOption(rounds(ROUNDS))
    .action(async (options: { rounds: number }) => set(await commands.native(options)));
  program
    .command('bench:tunnel')
    .usage('-- [options]')
    .description('races tunnels through a pair of proxies: three processes, mTLS on loopback; about 4 minutes')
    .option('--json <file>', 'write the results there as JSON')
    .option('--grep <regexp>', 'only rows whose id matches', pattern)
    .option('--short', 'less of everything; about 2 minutes', false)
    .option('--gate', 'short, and exit 1 when a row is under its floor twice running', false)
    .option('--profile <id>', "instead of measuring, leave CPU profiles of the subject's proxies under that row's load")
    .option('--node <path>', 'the Node to run proxies and load on; default the one that runs this')
    .addOption(rounds())
    .action(async (options: TunnelOptions) => set(await commands.tunnel(options)));
  program
    .command('bench:xds')
    .usage('-- [options]')
    .description('the control plane with 100,000 workloads against what it would be without indexes; over 20 minutes')
    .option('--json <file>', 'write the results there as JSON')
    .option('--grep <regexp>', 'only cases whose id matches', pattern)
    .option('--short', '10,000 workloads; about 1 minute', false)
    .option('--gate', 'short, and exit 1 when a case is under its floor twice running', false)
    .addOption(rounds(MIN_ROUNDS))
    .action(async (options: XdsOptions) => set(await commands.xds(options)));
  program
    .command('bench:docs <results>')
    .usage('-- <results>')
    .description('prints the results of `bench --json` or `bench:tunnel --json` into docs/performance.md')
    .action(async (file: string) => set(await commands.docs(file)));
  await program.parseAsync(argv, { from: 'user' });
  return code;
}

function rounds(standard?: number): Option {
  const option = new Option('--rounds <n>', `pairs of measurements, at least ${MIN_ROUNDS}`).argParser((text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= MIN_ROUNDS && value <= 1000) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${MIN_ROUNDS} to 1000.`);
  });
  return standard === undefined ? option : option.default(standard);
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
