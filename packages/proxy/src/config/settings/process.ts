/** Settings: how the program runs and how it ends. */
import { duration, integer, workerCount } from '../kinds.js';
import { type SettingTable, setting } from '../table.js';

export const PROCESS = {
  terminationDeadlineMs: setting<number | undefined>({
    env: ['CONNECTION_TERMINATION_DEADLINE'],
    kind: duration,
    default: undefined,
    defaultText: 'what TERMINATION_GRACE_PERIOD_SECONDS leaves, else 5s',
    doc: 'How long draining waits for open connections before they are cut.',
  }),
  terminationGraceSeconds: setting<number | undefined>({
    env: ['TERMINATION_GRACE_PERIOD_SECONDS'],
    kind: integer(0, 86_400),
    default: undefined,
    doc: "The pod's terminationGracePeriodSeconds: draining then waits for 5 s less than that (1 s less when it is 10 or below), so that what is left is cut and logged before the kubelet kills the process.",
  }),
  workers: setting<number>({
    env: ['ZTUNNEL_WORKER_THREADS'],
    kind: workerCount,
    default: 1,
    doc: "Processes that share the listening sockets and carry the traffic; with more than one, another speaks to the control plane, keeps the certificates and serves the pages. As in ztunnel a percentage is of the machine's processors and 0 is all of them; `--workers` on the command line comes first.",
  }),
} satisfies SettingTable;
