/** All processes of a lab, what tells that each can be used, and the order in which they need each other. Pure. */
import type { LabFiles } from './files.js';
import {
  appSpec,
  controlPlaneName,
  controlPlaneSpec,
  gatewaySpec,
  type ProxyOptions,
  processName,
  proxyPods,
  ztunnelSpec,
} from './process-specs.js';
import type { ProcessSpec } from './processes.js';
import type { Programs } from './programs.js';
import { httpReady, type Probe, portOpen } from './readiness.js';
import { type Cluster, clustersOf, type World } from './topology.js';

export interface Planned {
  readonly spec: ProcessSpec;
  readonly probe: Probe;
}

export interface Stage {
  readonly what: string;
  /** Names of processes that can start at the same time. */
  readonly names: readonly string[];
}

export function planProcesses(
  programs: Programs,
  world: World,
  files: LabFiles,
  options: ProxyOptions,
): ReadonlyMap<string, Planned> {
  const planned = clustersOf(world).flatMap((cluster): readonly Planned[] => [
    { spec: controlPlaneSpec(programs, cluster, files), probe: httpReady(cluster.controlPlaneIp) },
    ...cluster.apps.map((pod) => ({
      spec: appSpec(programs, cluster, pod),
      probe: portOpen(pod.ip, pod.listenPort),
    })),
    { spec: ztunnelSpec(programs, cluster, files, options), probe: httpReady(cluster.ztunnel.ip) },
    ...cluster.gateways.map((pod) => ({
      spec: gatewaySpec(programs, cluster, pod, files, options),
      probe: httpReady(pod.ip),
    })),
  ]);
  return new Map(planned.map((each) => [each.spec.name, each]));
}

export function stagesOf(world: World): readonly Stage[] {
  const clusters = clustersOf(world);
  const namesOf = (pods: (cluster: Cluster) => readonly { readonly app: string }[]) =>
    clusters.flatMap((cluster) => pods(cluster).map((pod) => processName(cluster, pod)));
  return [
    { what: 'control planes', names: clusters.map(controlPlaneName) },
    { what: 'apps', names: namesOf(({ apps }) => apps) },
    { what: 'proxies', names: namesOf(proxyPods) },
  ];
}
