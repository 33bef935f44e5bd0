/**
 * Makes the lab's control planes peers of each other, as a user would: one invites, the other accepts. Resolves when each
 * has what the other exports.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LabFiles } from './files.js';
import { type Cluster, clustersOf, type World } from './topology.js';

const run = promisify(execFile);
const TIMEOUT_MS = 30_000;
const POLL_MS = 40;

export async function joinControlPlanes(world: World, program: string, files: LabFiles): Promise<void> {
  const { east, west } = world.clusters;
  const peer = async (cluster: Cluster, ...args: readonly string[]) => {
    const words = [program, 'peer', ...args, '--config', files.configuration(cluster)];
    const { stdout } = await run(process.execPath, words, { timeout: TIMEOUT_MS });
    return stdout.trim();
  };
  await peer(west, 'add', await peer(east, 'invite'));
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  for (const cluster of clustersOf(world)) await untilJoined(cluster, deadline);
}

async function untilJoined({ id, controlPlaneIp }: Cluster, deadline: AbortSignal): Promise<void> {
  for (;;) {
    const response = await fetch(`http://${controlPlaneIp}:15014/debug/status`, { signal: deadline });
    const { peers } = (await response.json()) as { readonly peers: readonly { readonly state: string }[] };
    if (peers.length > 0 && peers.every(({ state }) => state === 'live')) return;
    if (deadline.aborted) throw new Error(`the control plane of ${id} has no live peer: ${JSON.stringify(peers)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
