/**
 * `isthmus-proxy explain`: asks a running proxy where a connection would go and prints every candidate with its reason.
 *
 * Exit codes: 0 the plan leads somewhere, 1 the proxy could not be asked or does not know the workload, 2 bad usage,
 * 3 the connection would be refused.
 */
import { request } from 'node:http';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type ListenAddress, listenAddress, Refusal } from '../../config/kinds.js';
import type { ExplainReport } from './route.js';
import { explanationText } from './text.js';

const EXIT = { leads: 0, unanswered: 1, misused: 2, refused: 3 } as const;
/** The proxy answers from memory; one that takes longer hangs. */
const ANSWER_MS = 5_000;
/** Thousands of candidates fit; whatever sends more is no proxy of ours. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface ExplainOutput {
  out(text: string): void;
  err(text: string): void;
  exit(code: number): void;
}

interface Flags {
  readonly from: string;
  readonly to: string;
  readonly admin: ListenAddress;
  readonly json: boolean;
}

export function createExplainCommand(output: ExplainOutput): Command {
  return new Command('explain')
    .description('ask a running proxy where a connection would go, with every candidate and why')
    .requiredOption('--from <namespace/pod>', 'the workload that would connect', pattern(/^[^/\s]+\/[^/\s]+$/))
    .requiredOption('--to <host:port>', 'service name, VIP or pod address', pattern(/^\S+:\d{1,5}$/))
    .addOption(
      new Option('--admin <ip:port>', 'admin address of the proxy')
        .argParser(adminAddress)
        .default({ host: '127.0.0.1', port: 15_000 }, '127.0.0.1:15000'),
    )
    .option('--json', 'print what the proxy answered', false)
    .addHelpText('after', '\nExit codes: 0 it leads somewhere, 1 no answer, 2 bad usage, 3 it would be refused')
    .action(async (flags: Flags) => output.exit(await explain(flags, output)));
}

async function explain({ from, to, admin, json }: Flags, { out, err }: ExplainOutput): Promise<number> {
  const at = `admin address ${admin.host}:${admin.port}`;
  const answer = await ask(admin, `/explain?${new URLSearchParams({ from, to })}`).catch((error: Error) => error);
  if (answer instanceof Error) {
    err(`cannot ask the proxy at ${at}: ${answer.message}; is it running, and is ADMIN_ADDRESS the same?\n`);
    return EXIT.unanswered;
  }
  if (answer.status !== 200) {
    err(`${at} answered ${answer.status}: ${answer.body}`);
    return answer.status === 400 ? EXIT.misused : EXIT.unanswered;
  }
  const report = reportOf(answer.body);
  if (!report) {
    err(`${at} did not answer with an explanation; is it the admin port of an isthmus-proxy of this version?\n`);
    return EXIT.unanswered;
  }
  out(json ? answer.body : explanationText(report));
  return report.plan.kind === 'refuse' ? EXIT.refused : EXIT.leads;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask({ host, port }: ListenAddress, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, path, agent: false, timeout: ANSWER_MS }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > MAX_ANSWER_BYTES) asking.destroy(new Error(`its answer is larger than ${MAX_ANSWER_BYTES} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: String(Buffer.concat(chunks)) }));
    });
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`)));
    asking.on('error', reject).end();
  });
}

/** Far enough to print it without failing on another program's answer. */
function reportOf(body: string): ExplainReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const isReport = typeof value === 'object' && value !== null && 'plan' in value && 'steps' in value;
  return isReport ? (value as ExplainReport) : undefined;
}

function pattern(shape: RegExp): (value: string) => string {
  return (value) => {
    if (!shape.test(value)) throw new InvalidArgumentError('It does not have that form.');
    return value;
  };
}

function adminAddress(value: string): ListenAddress {
  try {
    return listenAddress.parse(value);
  } catch (error) {
    if (error instanceof Refusal) throw new InvalidArgumentError(`Expected ${listenAddress.allowed}.`);
    throw error;
  }
}
