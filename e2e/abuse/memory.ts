/** Live memory of a process of the lab, after a full collection: by the probe of the soak. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '@isthmus/tools/lab';
import { until } from '../support/wait.js';

export function probeEnvironment(directory: string): Readonly<Record<string, string>> {
  const probe = fileURLToPath(new URL('../soak/memory-probe.cjs', import.meta.url));
  return { NODE_OPTIONS: `--require=${probe}`, MEMORY_PROBE_DIRECTORY: directory };
}

export async function liveMb(lab: Lab, directory: string, name: string): Promise<number> {
  const running = lab.processes.get(name);
  const file = join(directory, `${running.pid}.json`);
  rmSync(file, { force: true });
  running.signal('SIGUSR2');
  const live = await until(`memory of ${name}`, () => {
    const { live } = JSON.parse(readFileSync(file, 'utf8')) as { readonly live: number };
    return live;
  });
  return live / 1_048_576;
}
