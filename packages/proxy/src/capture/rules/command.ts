/**
 * `isthmus-proxy rules`: prints the shell script that leads a network namespace's traffic to a ztunnel in it, or takes
 * that back. It is printed, not run, because it is run elsewhere: in the namespace, by whoever may.
 */
import { PORT } from '@isthmus/sdk/wire';
import { Command, InvalidArgumentError, Option } from 'commander';
import { iptablesDeleteScript, iptablesScript } from './iptables.js';
import { nftDeleteScript, nftScript } from './nft.js';
import { type RuleOptions, ruleSet } from './rule-set.js';

/** The user and group of Istio's proxies. */
const ISTIO_PROXY = 1337;

const FORMATS = {
  nft: { set: nftScript, delete: nftDeleteScript },
  iptables: { set: iptablesScript, delete: iptablesDeleteScript },
} as const;
export type RuleFormat = keyof typeof FORMATS;

/** A script for `sh`, that ends at the first command that fails. */
export function rulesScript(format: RuleFormat, options: RuleOptions): string {
  return shell(FORMATS[format].set(ruleSet(options)));
}

/** Takes back what any script of that format did; nothing to take back is no failure. */
export function deleteRulesScript(format: RuleFormat): string {
  return shell(FORMATS[format].delete());
}

function shell(lines: string): string {
  return `#!/bin/sh\nset -eu\n${lines}\n`;
}

interface RulesFlags {
  readonly mode: RuleOptions['mode'];
  readonly format: RuleFormat;
  readonly uid: readonly number[];
  readonly gid: readonly number[];
  readonly excludeInboundPorts: readonly number[];
  readonly dns: boolean;
  readonly delete: boolean;
}

export function createRulesCommand(print: (text: string) => void): Command {
  return new Command('rules')
    .description('print the script that captures the traffic of a network namespace, to be run in it as root')
    .addOption(
      new Option('--mode <mode>', 'as INTERCEPTION_MODE of the proxy')
        .choices(['redirect', 'tproxy'])
        .default('redirect'),
    )
    .addOption(new Option('--format <format>', 'what the script calls').choices(Object.keys(FORMATS)).default('nft'))
    .option('--uid <list>', 'users whose traffic is not captured; the proxy runs as one', ids, [ISTIO_PROXY])
    .option('--gid <list>', 'groups whose traffic is not captured', ids, [ISTIO_PROXY])
    .option('--exclude-inbound-ports <list>', 'ports served without the proxy', ports, [PORT.metrics, PORT.readiness])
    .option('--dns', 'lead DNS to port 15053, where something has to answer it', false)
    .option('--delete', 'print the script that takes everything back', false)
    .addHelpText('after', '\nExample: isthmus-proxy rules --uid 1337 | ip netns exec pod sh')
    .action(({ format, delete: remove, uid, gid, ...flags }: RulesFlags) => {
      const options = { ...flags, users: uid, groups: gid, excludedInboundPorts: flags.excludeInboundPorts };
      print(remove ? deleteRulesScript(format) : rulesScript(format, options));
    });
}

function ids(text: string): readonly number[] {
  return wholeNumbers(text, 0, 4_294_967_294);
}

/** iptables matches at most 15 ports in a rule, of which one is HBONE's. */
const MAX_EXCLUDED_PORTS = 14;

function ports(text: string): readonly number[] {
  const numbers = text === '' ? [] : wholeNumbers(text, 1, 65_535);
  if (numbers.length <= MAX_EXCLUDED_PORTS) return numbers;
  throw new InvalidArgumentError(`At most ${MAX_EXCLUDED_PORTS} ports can be excluded.`);
}

function wholeNumbers(text: string, least: number, most: number): readonly number[] {
  return text.split(',').map((piece) => {
    const number = /^\d{1,10}$/.test(piece) ? Number(piece) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Expected numbers from ${least} to ${most}, separated by commas.`);
  });
}
