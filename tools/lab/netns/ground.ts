/**
 * A lab in network namespaces: makes them, joins them, and leads the traffic of every pod to the ztunnel in it, by the
 * rules that `isthmus-proxy rules` prints. This process stays outside and has a doorkeeper in each network.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from '../ground.js';
import { PROXY_GROUP, type Remote } from '../process-specs.js';
import { commandOf, type Processes } from '../processes.js';
import type { Programs } from '../programs.js';
import { untilReady } from '../readiness.js';
import { buildWorld, type Cluster, type ClusterId, clustersOf, type World } from '../topology.js';
import { createDoors, type Doors } from './doors.js';
import { createNamespaces, type Namespaces } from './namespaces.js';
import { NETNS_SLICE, namespaceName, namespacesOf, setupOf } from './network.js';

export interface NetnsGround extends Ground {
  /** Makes everything that is more than a plan. Rejects with what failed; the guard removes what was made. */
  open(processes: Processes, directory: string, remote: Remote): Promise<void>;
}

const OPEN_TIMEOUT_MS = 20_000;

export function netnsGround(programs: Programs, eastWestGateways?: number): NetnsGround {
  const lab = process.pid;
  const world = buildWorld(NETNS_SLICE, eastWestGateways, 'pod');
  const doors = new Map<ClusterId, Doors>();

  return {
    world,
    where: `network namespaces ${namespaceName(lab, world.clusters.east)}* and ${namespaceName(lab, world.clusters.west)}*`,
    namespaceOf: (cluster, pod) => namespaceName(lab, cluster, pod),
    reach: ({ id }) => {
      return ({ host, port }) => {
        const door = doors.get(id);
        if (!door) throw new Error(`there is no way into the network of ${id} yet`);
        return door.to(host, port);
      };
    },
    async open(processes, directory, remote) {
      const namespaces = createNamespaces(namespacesOf(world, lab), (name) => processes.tellGuard(`netns ${name}`));
      for (const { namespace, links, script, hosts } of setupOf(world, lab, remote)) {
        namespaces.configure(namespace, links);
        if (script !== undefined) namespaces.run(namespace, ['sh'], script);
        if (hosts !== undefined) namespaces.overlay(namespace, 'hosts', hosts);
      }
      capturePods(world, lab, namespaces, programs);
      await Promise.all(
        clustersOf(world).map(async (cluster) => {
          doors.set(cluster.id, await openDoors(cluster, { processes, directory, programs, lab }));
        }),
      );
    },
    async release() {
      for (const door of doors.values()) door.close();
    },
  };
}

function capturePods(world: World, lab: number, namespaces: Namespaces, { proxy }: Programs): void {
  const [program, ...args] = commandOf({ program: proxy, args: ['rules', '--gid', String(PROXY_GROUP)] });
  const script = execFileSync(program, args, { encoding: 'utf8' });
  for (const cluster of clustersOf(world)) {
    for (const pod of cluster.apps) namespaces.run(namespaceName(lab, cluster, pod), ['sh'], script);
  }
}

interface DoorInit {
  readonly processes: Processes;
  readonly directory: string;
  readonly programs: Programs;
  readonly lab: number;
}

async function openDoors(cluster: Cluster, { processes, directory, programs, lab }: DoorInit): Promise<Doors> {
  const path = join(directory, `${cluster.id}.sock`);
  const running = processes.start({
    name: `${cluster.id}/doorkeeper`,
    program: programs.doorkeeper,
    args: [path],
    env: {},
    namespace: namespaceName(lab, cluster),
  });
  const isOpen = async () => (existsSync(path) ? undefined : `${path} is not there`);
  await untilReady(running, isOpen, AbortSignal.timeout(OPEN_TIMEOUT_MS));
  return createDoors(path);
}
