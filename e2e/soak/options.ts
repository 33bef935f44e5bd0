/** The command line of the soak. A wrong option is an error with the usage; exit code 2. */
import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly minutes: number;
  /** One JSON object on standard output, and nothing else there. */
  readonly json: boolean;
  /** Write the logs of all processes there and keep them. */
  readonly keepLogs?: string;
}

export const USAGE = `usage: npm run soak -w e2e -- [--minutes 5] [--json] [--keep-logs DIR]

Two clusters with two east-west gateways each, as real processes on loopback, under load, while certificates rotate every
10 s, policies change, gateways are killed and the control planes are away.
Exit codes: 0 nothing failed that could have been served, and memory is flat; 1 otherwise; 2 wrong options.
`;

export function parseOptions(argv: readonly string[]): SoakOptions | Error {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { minutes: { type: 'string' }, json: { type: 'boolean' }, 'keep-logs': { type: 'string' } },
    });
    const minutes = Number(values.minutes ?? '5');
    if (!(minutes >= 0.5 && minutes <= 600)) return new Error('--minutes is a number from 0.5 to 600');
    const keepLogs = values['keep-logs'];
    return { minutes, json: values.json ?? false, ...(keepLogs === undefined ? {} : { keepLogs }) };
  } catch (error) {
    return error as Error;
  }
}
