/**
 * Where a lab stands: which addresses its world has, in which network namespaces its processes run, and how this process
 * reaches them. On loopback everything is here; in namespaces of its own (netns/ground.ts) nothing is.
 */
import { reserveSlice } from './address-plan.js';
import type { Reach } from './readiness.js';
import { type AppPod, buildWorld, type Cluster, type World } from './topology.js';

export interface Ground {
  readonly world: World;
  /** For a person. */
  readonly where: string;
  /** Of what runs beside the apps, or of an app's pod. Undefined: the lab's own. */
  namespaceOf(cluster: Pick<Cluster, 'id'>, pod?: Pick<AppPod, 'app'>): string | undefined;
  reach(cluster: Pick<Cluster, 'id'>): Reach;
  /** Once everything that ran there has ended. */
  release(): Promise<void>;
}

export async function loopbackGround(eastWestGateways?: number): Promise<Ground> {
  const slice = await reserveSlice();
  const here: Reach = async (address) => address;
  return {
    world: buildWorld(slice, eastWestGateways),
    where: `addresses 127.${slice.number}.0.0/16`,
    namespaceOf: () => undefined,
    reach: () => here,
    release: slice.release,
  };
}
