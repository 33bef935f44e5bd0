/** Manifests to models and views, through the same reader and assembly as the program. */
import type { ScopeConfig } from '../../src/mesh-config.js';
import { type ClusterModel, type DerivedCluster, deriveCluster, type Model } from '../../src/model/index.js';
import { project, type View, type ViewerRole } from '../../src/projection/index.js';
import { formatProblem } from '../../src/schema/index.js';
import {
  assembleGeneration,
  type Generation,
  groupObjects,
  type ObjectsByNamespace,
  type ParsedFile,
  parseFile,
} from '../../src/sources/index.js';
import { AMBIENT, type Manifest, namespace } from './objects.js';

export interface ClusterSketch {
  readonly id: string;
  readonly network: string;
  readonly trustDomain?: string;
  readonly scopeConfigs?: readonly ScopeConfig[];
  readonly objects: readonly Manifest[];
}

/** A cluster whose namespace `shop` is in the mesh. */
export function shopIn(id: string, network: string, ...objects: readonly Manifest[]): ClusterSketch {
  return { id, network, objects: [namespace('shop', AMBIENT), ...objects] };
}

/** JSON is YAML. */
export function toYaml(objects: readonly Manifest[]): string {
  return objects.map((object) => JSON.stringify(object, undefined, 1)).join('\n---\n');
}

const parsed = new Map<string, ParsedFile>();

/** Each text once: random meshes are put together of few objects, and reading YAML is most of what they cost. */
function parseOnce(manifest: Manifest): ParsedFile {
  const text = toYaml([manifest]);
  const known = parsed.get(text) ?? parseFile('objects.yaml', text);
  parsed.set(text, known);
  return known;
}

export function readObjects(objects: readonly Manifest[]): Generation {
  const assembled = assembleGeneration(objects.map(parseOnce), { clusterDomain: 'cluster.local' });
  if (!assembled.ok) throw new Error(assembled.problems.map(formatProblem).join('\n'));
  return assembled.generation;
}

export function derive(
  { id, network, trustDomain = 'cluster.local', scopeConfigs, objects }: ClusterSketch,
  isLocal = true,
): ClusterModel {
  return deriveCluster({
    id,
    network,
    trustDomain,
    clusterDomain: 'cluster.local',
    isLocal,
    scopeConfigs,
    objects: readObjects(objects).objects,
  });
}

/** Clusters that take over what did not change, as the program does. */
export function createCluster(isLocal: boolean) {
  let objects: ObjectsByNamespace | undefined;
  let derived: DerivedCluster | undefined;
  return ({ id, network, scopeConfigs, objects: manifests }: ClusterSketch): DerivedCluster => {
    objects = groupObjects(
      manifests.flatMap((manifest) => parseOnce(manifest).objects),
      objects,
    );
    const frame = { id, network, trustDomain: 'cluster.local', clusterDomain: 'cluster.local', isLocal, scopeConfigs };
    derived = deriveCluster({ ...frame, objects }, derived);
    return derived;
  };
}

export function deriveOne(objects: readonly Manifest[], more: Pick<ClusterSketch, 'scopeConfigs'> = {}): ClusterModel {
  return derive({ id: 'east', network: 'network-1', objects, ...more });
}

export const VIPS = { family: 'ipv4', ip: '240.240.0.0', length: 16 } as const;
export const VIPS_V6 = { family: 'ipv6', ip: '2001:2::', length: 48 } as const;

export function modelOf(...clusters: readonly ClusterModel[]): Model {
  return { clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])), vipBlocks: [VIPS, VIPS_V6] };
}

/** What a proxy of the first cluster is sent. */
export function viewOf(role: ViewerRole, ...sketches: readonly ClusterSketch[]): View {
  const clusters = sketches.map((sketch, index) => derive(sketch, index === 0));
  return project(modelOf(...clusters), { cluster: clusters[0]!.id, role });
}

export function onlyWorkload(cluster: ClusterModel) {
  const [workload, ...others] = cluster.workloads.values();
  if (!workload || others.length > 0) throw new Error(`expected one workload, found ${cluster.workloads.size}`);
  return workload;
}
