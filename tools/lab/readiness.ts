/** Waiting until a process can be used: it answers, it ends, or the deadline passes; the first of the three counts. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { type RunningProcess, tailOf } from './processes.js';
import type { HostPort } from './socks5.js';

const POLL_MS = 40;
const PROBE_TIMEOUT_MS = 1_000;

/** Resolves with undefined when ready, else with what is still missing. */
export type Probe = (running: RunningProcess) => Promise<string | undefined>;

/** Where an address of a cluster is found from here. */
export type Reach = (address: HostPort) => Promise<HostPort>;

/** Rejects with the process's name, what was missing and its last lines. */
export async function untilReady(running: RunningProcess, probe: Probe, signal: AbortSignal): Promise<void> {
  let missing: string | undefined = 'never asked';
  while (!signal.aborted) {
    const exit = running.exit();
    if (exit !== undefined) throw notReady(running, `ended with ${exit}`);
    missing = await probe(running);
    if (missing === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const isLate = (signal.reason as Error).name === 'TimeoutError';
  throw isLate ? notReady(running, `was not ready in time: ${missing}`) : signal.reason;
}

function notReady({ spec, logFile }: RunningProcess, why: string): Error {
  return new Error(`${spec.name} ${why}; its last lines:\n${tailOf(logFile)}`);
}

/** The readiness endpoint of a proxy or control plane. */
export function httpReady(reach: Reach, ip: string): Probe {
  return async () => {
    try {
      const { host, port } = await reach({ host: ip, port: 15021 });
      const response = await fetch(`http://${host}:${port}/healthz/ready`, {
        signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      });
      return response.ok ? undefined : (await response.text()).trim();
    } catch (error) {
      const { message, cause } = error as Error;
      return cause instanceof Error ? cause.message : message;
    }
  };
}

/** An app is ready when its port accepts. */
export function portOpen(host: string, port: number): Probe {
  return () =>
    new Promise((resolve) => {
      const socket = connect({ host, port });
      const settle = (missing?: string) => {
        socket.destroy();
        resolve(missing);
      };
      socket.setTimeout(PROBE_TIMEOUT_MS, () => settle('no answer'));
      socket.once('connect', () => settle());
      socket.once('error', (error) => settle(error.message));
    });
}

/** The same of an app whose port is not ours to call: by what the system lists of its network namespace. */
export function listening(port: number): Probe {
  const wanted = new RegExp(
    `^ *\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F]+:0000 0A `,
    'm',
  );
  return async ({ pid }) => {
    const table = await readFile(`/proc/${pid}/net/tcp`, 'latin1').catch((error: Error) => error.message);
    return wanted.test(table) ? undefined : `nobody listens on port ${port} there`;
  };
}
