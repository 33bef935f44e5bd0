/** What a soak does to the mesh, and what it reads off it: processes, policy files, logs. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clustersOf, type Lab } from '@isthmus/tools/lab';
import type { Book } from './ledger.js';
import { readProbe, type Sample } from './memory.js';
import type { Step } from './timeline.js';

export type Log = (text: string) => void;

/** Does each step at its time. Rejects when a process does not come back. */
export async function disturb(
  lab: Lab,
  steps: readonly Step[],
  {
    book,
    now,
    say,
    signal,
  }: { readonly book: Book; readonly now: () => number; readonly say: Log; readonly signal: AbortSignal },
): Promise<void> {
  const policies = createPolicies(lab);
  const starting: Promise<void>[] = [];
  for (const step of steps) {
    await until(step.atMs - now(), signal);
    if (signal.aborted) break;
    if (step.kind === 'policy') {
      policies.write(step.number);
    } else if (step.kind === 'kill') {
      say(`kill ${step.name}`);
      const atMs = now();
      await lab.kill(step.name);
      book.killed({ name: step.name, atMs, goneMs: now() });
    } else {
      say(`start ${step.name}`);
      // The other steps keep their times while it starts.
      starting.push(lab.start(step.name, signal).then(() => say(`${step.name} is back`)));
    }
  }
  await Promise.all(starting);
}

/** Policies that come, change and go beside those of the lab, which go on allowing what the load asks for. */
function createPolicies(lab: Lab): { write(number: number): void } {
  const files = clustersOf(lab.world).map((cluster) => join(lab.files.manifests(cluster), 'policy.yaml'));
  const originals = files.map((file) => readFileSync(file, 'utf8'));
  return {
    write(number) {
      for (const [index, file] of files.entries()) {
        // Renamed into place: a control plane never reads half of it.
        const next = join(lab.files.directory, `policy-${index}.next`);
        writeFileSync(next, `${originals[index]}---\n${strangerPolicy(number)}`, { mode: 0o600 });
        renameSync(next, file);
      }
    },
  };
}

/** Denies somebody whom nobody has seen; selects another set of workloads each time. */
function strangerPolicy(number: number): string {
  const app = ['ledger', 'reviews', 'ratings', 'recommendations'][number % 4];
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-stranger-${number % 3}, namespace: shop }
spec:
  selector: { matchLabels: { app: ${app} } }
  action: DENY
  rules:
    - from: [{ source: { principals: ["cluster.local/ns/shop/sa/stranger-${number}"] } }]
`;
}

/** What the probe needs in the environment of every process. */
export function probeEnvironment(directory: string): Readonly<Record<string, string>> {
  const probe = fileURLToPath(new URL('../../soak/memory-probe.cjs', import.meta.url));
  return { NODE_OPTIONS: `--require=${probe}`, MEMORY_PROBE_DIRECTORY: directory };
}

/** The probe of a process that is only just being started is not there yet, and the signal would end it. */
const STARTED_AFTER_MS = 5_000;
/** From the signal to the reading. */
const PROBE_MS = 1_000;

/** Samples of each process until the signal aborts, one every `everyMs`. */
export async function watchMemory(
  lab: Lab,
  directory: string,
  { now, everyMs, signal }: { readonly now: () => number; readonly everyMs: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map<string, Sample[]>();
  const seen = new Map<number, number>();
  while (!signal.aborted) {
    const running = lab.processes.list().filter(({ exit }) => exit() === undefined);
    for (const { pid } of running) if (!seen.has(pid)) seen.set(pid, now());
    const probed = running.filter(({ pid }) => now() - (seen.get(pid) ?? 0) >= STARTED_AFTER_MS);
    for (const each of probed) each.signal('SIGUSR2');
    await until(PROBE_MS, signal);
    for (const { spec, pid } of probed) {
      const sample = readProbe(directory, pid);
      if (!sample) continue;
      const key = `${spec.name} ${pid}`;
      samples.set(key, [...(samples.get(key) ?? []), { atMs: now(), ...sample }]);
    }
    await until(everyMs - PROBE_MS, signal);
  }
  // A process that was started again began anew: its last life is what counts.
  return new Map([...samples].map(([key, values]) => [key.split(' ')[0] ?? key, values]));
}

/** Certificates each proxy has got, by its log. */
export function certificatesIssued(lab: Lab): Readonly<Record<string, number>> {
  const proxies = lab.processes.list().filter(({ spec }) => 'SECRET_TTL' in spec.env);
  return Object.fromEntries(
    proxies.map(({ spec }) => [spec.name, lab.log(spec.name).split('certificate issued').length - 1]),
  );
}

/** Processes that are not running, with how they ended. */
export function gone(lab: Lab): readonly string[] {
  return lab.processes.list().flatMap(({ spec, exit }) => (exit() === undefined ? [] : [`${spec.name}: ${exit()}`]));
}

export function until(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener('abort', done, { once: true });
  });
}
