/**
 * `isthmusctl`: asks a running control plane, over its debug pages on loopback, and prints the answer for people.
 *
 * Exit codes: 0 well, 1 no answer or nothing found, 2 bad usage, 3 something is not as it should be: a proxy out of step,
 * a peer away, a source with errors; with `explain`: the connection would be refused.
 */
import { Command, InvalidArgumentError } from 'commander';
import type { FullExplanation, ScopeRow } from '../admin/index.js';
import type { ControlPlaneStatus } from '../app.js';
import { fullExplanationLines, leadsNowhere } from './explanation.js';
import { CommandError, printJson, type Streams } from './output.js';
import { serviceLines, workloadLines } from './resources.js';
import { scopeLines } from './scope.js';
import { statusReport } from './status.js';

const EXIT = { well: 0, unwell: 3 } as const;
const ANSWER_MS = 10_000;

interface Flags {
  readonly address: string;
  readonly json?: boolean;
}

/** `exit` is told the code of a command that succeeded in asking. */
export function createCtl(version: string, streams: Streams, exit: (code: number) => void): Command {
  const program = new Command('isthmusctl')
    .description(
      'Asks the control plane of one cluster: who is connected, what proxies are told, who exports what, and why.',
    )
    .version(version)
    .addHelpText(
      'after',
      '\nExit codes: 0 well, 1 no answer or not found, 2 bad usage, 3 not as it should be (explain: refused)',
    )
    .showHelpAfterError('(add --help for the options)');
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('--address <host:port>', 'monitoring address of the control plane', '127.0.0.1:15014')
      .option('--json', 'print JSON');

  command(
    'status',
    'sources, peers, certificates, and proxies with their versions and what they have acknowledged',
  ).action(async (flags: Flags) => {
    const status = await ask<ControlPlaneStatus>(flags, '/debug/status');
    const { lines, isWell } = statusReport(status);
    print(flags, streams, status, lines);
    exit(isWell ? EXIT.well : EXIT.unwell);
  });
  command('services', 'services as ztunnels of this cluster are told of them').action(async (flags: Flags) => {
    const { services } = await askTold(flags);
    print(flags, streams, services, serviceLines(services));
  });
  command('workloads', 'workloads as ztunnels of this cluster are told of them').action(async (flags: Flags) => {
    const { workloads } = await askTold(flags);
    print(flags, streams, workloads, workloadLines(workloads));
  });
  command('scope', 'who exports what to whom, whether it is reached from here, and why').action(
    async (flags: Flags) => {
      const rows = await ask<readonly ScopeRow[]>(flags, '/debug/scope');
      print(flags, streams, rows, scopeLines(rows));
    },
  );
  command('explain', 'where a connection would go, hop by hop, with every candidate of all clusters and why')
    .requiredOption(
      '--from <namespace/pod>',
      'the workload that would connect; of this cluster',
      shaped(/^[^/\s]+\/[^/\s]+$/),
    )
    .requiredOption('--to <host:port>', 'service name, VIP or pod address', shaped(/^\S+:\d{1,5}$/))
    .action(async (flags: Flags & { readonly from: string; readonly to: string }) => {
      const { from, to } = flags;
      const explanation = await ask<FullExplanation>(flags, `/debug/explain?${new URLSearchParams({ from, to })}`);
      print(flags, streams, explanation, fullExplanationLines(explanation));
      exit(leadsNowhere(explanation) ? EXIT.unwell : EXIT.well);
    });
  return program;
}

function shaped(shape: RegExp): (value: string) => string {
  return (value) => {
    if (!shape.test(value)) throw new InvalidArgumentError('It does not have that form.');
    return value;
  };
}

function print({ json }: Flags, streams: Streams, value: unknown, lines: readonly string[]): void {
  if (json) printJson(streams, value);
  else streams.out(lines.join('\n'));
}

interface Told {
  readonly services: Parameters<typeof serviceLines>[0];
  readonly workloads: Parameters<typeof workloadLines>[0];
}

async function askTold(flags: Flags): Promise<Told> {
  const { ztunnel } = await ask<{ readonly ztunnel?: Told }>(flags, '/debug/config_dump');
  if (!ztunnel)
    throw new CommandError(`the control plane at ${flags.address} tells nobody anything yet; see "isthmusctl status"`);
  return ztunnel;
}

/** The pages are ours and of the same version; what does not parse is another program's. */
async function ask<T>({ address }: Flags, path: string): Promise<T> {
  const response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(
    (error: Error) => {
      const reason = error.cause instanceof Error ? error.cause.message : error.message;
      throw new CommandError(
        `cannot ask the control plane at ${address}: ${reason}; is it running, and is this its monitoring address?`,
      );
    },
  );
  const body = await response.text();
  if (!response.ok) throw new CommandError(`${address} answered ${response.status}: ${body.trim()}`);
  try {
    return JSON.parse(body) as T;
  } catch {
    throw new CommandError(`${address} did not answer with JSON; is it the monitoring address of a control plane?`);
  }
}
