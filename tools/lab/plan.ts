/** All processes of a lab, what tells that each can be used, and the order in which they need each other. Pure. */
import type { LabFiles } from './files.js';
import type { Ground } from './ground.js';
import {
  appSpec,
  controlPlaneName,
  controlPlaneSpec,
  gatewaySpec,
  type ProxyOptions,
  podZtunnelSpec,
  processName,
  ztunnelName,
  ztunnelSpec,
} from './process-specs.js';
import type { ProcessSpec } from './processes.js';
import type { Programs } from './programs.js';
import { httpReady, listening, type Probe, portOpen } from './readiness.js';
import { type AppPod, type Cluster, clustersOf, type World } from './topology.js';

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
  ground: Ground,
  files: LabFiles,
  options: ProxyOptions,
): ReadonlyMap<string, Planned> {
  const planned = clustersOf(ground.world).flatMap((cluster): readonly Planned[] => {
    const ready = (ip: string) => httpReady(ground.reach(cluster), ip);
    const at = (spec: ProcessSpec, pod?: AppPod): ProcessSpec => {
      const namespace = ground.namespaceOf(cluster, pod);
      return namespace === undefined ? spec : { ...spec, namespace };
    };
    return [
      { spec: at(controlPlaneSpec(programs, cluster, files)), probe: ready(cluster.controlPlaneIp) },
      ...cluster.apps.map((pod) => ({
        spec: at(appSpec(programs, cluster, pod), pod),
        probe: cluster.placement === 'pod' ? listening(pod.listenPort) : portOpen(pod.ip, pod.listenPort),
      })),
      ...cluster.ztunnels.map((ztunnel) => ({
        spec:
          cluster.placement === 'pod'
            ? at(podZtunnelSpec(programs, cluster, ztunnel, files, options), ztunnel.speaksFor[0])
            : ztunnelSpec(programs, cluster, files, options),
        probe: ready(ztunnel.pod.ip),
      })),
      ...cluster.gateways.map((pod) => ({
        spec: at(gatewaySpec(programs, cluster, pod, files, options)),
        probe: ready(pod.ip),
      })),
    ];
  });
  return new Map(planned.map((each) => [each.spec.name, each]));
}

export function stagesOf(world: World): readonly Stage[] {
  const clusters = clustersOf(world);
  const namesOf = (pods: (cluster: Cluster) => readonly { readonly app: string }[]) =>
    clusters.flatMap((cluster) => pods(cluster).map((pod) => processName(cluster, pod)));
  const ztunnels = clusters.flatMap((cluster) => cluster.ztunnels.map((ztunnel) => ztunnelName(cluster, ztunnel)));
  return [
    { what: 'control planes', names: clusters.map(controlPlaneName) },
    { what: 'apps', names: namesOf(({ apps }) => apps) },
    { what: 'proxies', names: [...ztunnels, ...namesOf(({ gateways }) => gateways)] },
  ];
}
