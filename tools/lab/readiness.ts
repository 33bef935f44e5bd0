/** Waiting until a process can be used: it answers, it ends, or the deadline passes; the first of the three counts. */
import { connect } from 'node:net';
import { type RunningProcess, tailOf } from './processes.js';

const POLL_MS = 40;
const PROBE_TIMEOUT_MS = 1_000;

/** Resolves with undefined when ready, else with what is still missing. */
export type Probe = () => Promise<string | undefined>;

/** Rejects with the process's name, what was missing and its last lines. */
export async function untilReady(running: RunningProcess, probe: Probe, signal: AbortSignal): Promise<void> {
  let missing: string | undefined = 'never asked';
  while (!signal.aborted) {
    const exit = running.exit();
    if (exit !== undefined) throw notReady(running, `ended with ${exit}`);
    missing = await probe();
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
export function httpReady(ip: string): Probe {
  return async () => {
    try {
      const response = await fetch(`http://${ip}:15021/healthz/ready`, {
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
