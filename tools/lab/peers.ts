/**
 * Makes the lab's control planes peers of each other, as a user would: one invites, the other accepts. Resolves when each
 * has what the other exports.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LabFiles } from './files.js';
import type { Ground } from './ground.js';
import { commandOf } from './processes.js';
import { type Cluster, clustersOf } from './topology.js';

const run = promisify(execFile);
const TIMEOUT_MS = 30_000;
const POLL_MS = 40;
const MONITORING_PORT = 15_014;

export async function joinControlPlanes(ground: Ground, program: string, files: LabFiles): Promise<void> {
  const { east, west } = ground.world.clusters;
  const peer = async (cluster: Cluster, ...args: readonly string[]) => {
    const namespace = ground.namespaceOf(cluster);
    const words = ['peer', ...args, '--config', files.configuration(cluster)];
    const [command, ...rest] = commandOf({ program, args: words, ...(namespace !== undefined && { namespace }) });
    const { stdout } = await run(command, rest, { timeout: TIMEOUT_MS });
    return stdout.trim();
  };
  await peer(west, 'add', await peer(east, 'invite'));
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  for (const cluster of clustersOf(ground.world)) await untilJoined(ground, cluster, deadline);
}

async function untilJoined(ground: Ground, cluster: Cluster, deadline: AbortSignal): Promise<void> {
  const { id, controlPlaneIp } = cluster;
  const { host, port } = await ground.reach(cluster)({ host: controlPlaneIp, port: MONITORING_PORT });
  for (;;) {
    const response = await fetch(`http://${host}:${port}/debug/status`, { signal: deadline });
    const { peers } = (await response.json()) as { readonly peers: readonly { readonly state: string }[] };
    if (peers.length > 0 && peers.every(({ state }) => state === 'live')) return;
    if (deadline.aborted) throw new Error(`the control plane of ${id} has no live peer: ${JSON.stringify(peers)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
