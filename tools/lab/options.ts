/** The command line of the lab. All problems of the line are commander's to report; exit code 2 for them. */
import { Command, InvalidArgumentError, Option } from 'commander';

export interface LabOptions {
  /** Run once, judge, and end. */
  readonly check: boolean;
  /** Like check, with nothing but one JSON object on standard output. */
  readonly json: boolean;
  readonly baggage: boolean;
  /** How a control plane learns of the other cluster. */
  readonly remote: 'peers' | 'directories';
  /** In network namespaces, not on loopback. */
  readonly netns: boolean;
  /** Pages asked for from each storefront. */
  readonly requests: number;
  /** For everything from the start to the verdict. */
  readonly timeoutSeconds: number;
  readonly keepLogs?: string;
}

export function parseOptions(argv: readonly string[]): LabOptions {
  const program = new Command('mesh')
    .description(
      'Starts two clusters on two networks, on loopback addresses of this machine: control planes, ztunnels, waypoints,\n' +
        'east-west gateways and a small shop. Sends traffic across, shows who reported whom, and stays until Ctrl-C.',
    )
    .option('--check', 'run once; exit 0 only if every series names both ends and every path was seen', false)
    .option('--json', 'like --check, printing one JSON object', false)
    .addOption(
      new Option('--baggage <on|off>', 'peer metadata exchange; off shows the labels without it')
        .choices(['on', 'off'])
        .default('on'),
    )
    .addOption(
      new Option(
        '--remote <how>',
        'how a control plane learns of the other cluster: from its control plane, or by reading its directory',
      )
        .choices(['peers', 'directories'])
        .default('peers'),
    )
    .option('--netns', 'networks are network namespaces and pods are captured; takes root, ip, nft and curl', false)
    .option('--requests <n>', 'pages asked for from each storefront', wholeNumber(1, 10_000), 24)
    .option('--timeout <seconds>', 'give up after that long', wholeNumber(1, 3_600), 90)
    .option('--keep-logs <dir>', 'write the logs of all processes there and keep them')
    .addHelpText(
      'after',
      '\nExit codes: 0 well; 1 not well, or a process did not start; 2 wrong options, or --netns where it cannot be; 130 interrupted during a check.',
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const { check, json, baggage, remote, netns, requests, timeout, keepLogs } = program
    .parse(argv, { from: 'user' })
    .opts<{
      check: boolean;
      json: boolean;
      baggage: 'on' | 'off';
      remote: 'peers' | 'directories';
      netns: boolean;
      requests: number;
      timeout: number;
      keepLogs?: string;
    }>();
  return {
    check: check || json,
    json,
    baggage: baggage === 'on',
    remote,
    netns,
    requests,
    timeoutSeconds: timeout,
    ...(keepLogs === undefined ? {} : { keepLogs }),
  };
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
