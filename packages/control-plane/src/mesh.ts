/**
 * The sources put together: the newest model of all clusters, and whether it may be served. A cluster is derived anew
 * only when its own source changed.
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { Workplace } from './ca/index.js';
import type { Settings } from './config.js';
import { createMembers, type Member } from './members.js';
import { type ClusterModel, deriveCluster, type Model, type NamespaceModel } from './model/index.js';
import { formatProblem, type Problem } from './schema/index.js';
import type { SourceStatus } from './sources/index.js';
import { parseVipBlock } from './vip-blocks.js';

export interface MeshInit {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  /** Once ready, and after each change from then on. */
  readonly onModel: (model: Model) => void;
  /** The own cluster, after each read that changed it; also while others are still being waited for. */
  readonly onOwn?: (cluster: ClusterModel) => void;
  /** Further clusters that are waited for before anything is served. */
  readonly gate?: Promise<void>;
}

export interface ClusterStatus extends SourceStatus {
  readonly network: string;
  readonly isLocal: boolean;
  /** What objects ask for and does not happen. */
  readonly modelProblems: readonly Problem[];
}

export interface Mesh {
  /** Why nothing may be served yet: what is not known must not be taken for absent. */
  notReady(): string | undefined;
  /** Resolves when it is. */
  readonly ready: Promise<void>;
  isOnNode(workplace: Workplace): boolean;
  /** Clusters that are no sources, in place of all such before; a source of the same id wins. */
  setImports(clusters: readonly ClusterModel[]): void;
  status(): readonly ClusterStatus[];
}

export function createMesh(scope: Scope, { settings, clock, log, onModel, onOwn, gate }: MeshInit): Mesh {
  let imports: readonly ClusterModel[] = [];
  let isRead = false;
  let resolveReady = () => {};
  const ready = new Promise<void>((resolve) => {
    resolveReady = resolve;
  });
  const members = createMembers(scope, { settings, clock, log, onChange: () => publish() });
  // Text was checked when it was read.
  const vipBlocks = settings.remoteServiceVips.flatMap((text) => parseVipBlock(text) ?? []);
  const { local } = members;
  // One slow or broken remote source must not look like an empty one at start, nor hold up the rest for ever.
  void Promise.all([gate, members.firstRead]).then(() => {
    isRead = true;
    publish();
  });

  function publish(): void {
    const own = local && !scope.signal.aborted ? derive(settings, local, log) : undefined;
    if (own) onOwn?.(own);
    if (notReady() !== undefined || scope.signal.aborted) return;
    const clusters = members.list().flatMap((member) => derive(settings, member, log) ?? []);
    const byId = new Map([...imports, ...clusters].map((cluster) => [cluster.id, cluster]));
    onModel({ clusters: byId, vipBlocks });
    resolveReady();
  }

  function notReady(): string | undefined {
    if (!isRead) return 'the sources are still being read';
    if (local?.source.generation) return undefined;
    const [first] = local?.source.status().problems.filter(({ severity }) => severity === 'error') ?? [];
    return `the objects of cluster ${settings.clusterId} cannot be used: ${first ? formatProblem(first) : 'unknown reason'}`;
  }

  return {
    notReady,
    ready,
    isOnNode(workplace) {
      const namespace = local?.derived?.cluster.namespaces.get(workplace.namespace);
      return namespace !== undefined && workplacesOf(namespace).has(keyOf(workplace));
    },
    setImports(clusters) {
      imports = clusters;
      publish();
    },
    status: () => members.list().map((member) => statusOf(member, member.isLocal ? members.remoteProblems() : [])),
  };
}

function statusOf({ config, isLocal, source, derived }: Member, further: readonly Problem[]): ClusterStatus {
  const status = source.status();
  return {
    ...status,
    problems: [...status.problems, ...further],
    network: derived?.cluster.network ?? config.network ?? '',
    isLocal,
    modelProblems: derived?.cluster.problems ?? [],
  };
}

function derive(settings: Settings, member: Member, log: Logger): ClusterModel | undefined {
  const { config, isLocal, source, derived } = member;
  const { generation } = source;
  if (!generation || derived?.from === generation) return derived?.cluster;
  const input = {
    id: config.cluster,
    network: config.network ?? '',
    trustDomain: config.trustDomain ?? settings.trustDomain,
    clusterDomain: settings.clusterDomain,
    isLocal,
    scopeConfigs: config.meshConfig.serviceScopeConfigs ?? settings.meshConfig.serviceScopeConfigs,
    objects: generation.objects,
  };
  const cluster = deriveCluster(input, derived?.cluster);
  const told = new Set(derived?.cluster.problems.map(formatProblem));
  for (const problem of cluster.problems) {
    const text = formatProblem(problem);
    if (!told.has(text)) log.warn({ cluster: config.cluster }, text);
  }
  member.derived = { from: generation, cluster };
  return cluster;
}

const workplaces = new WeakMap<NamespaceModel, ReadonlySet<string>>();

function workplacesOf(namespace: NamespaceModel): ReadonlySet<string> {
  const known = workplaces.get(namespace) ?? new Set([...namespace.workloads.values()].map(keyOf));
  workplaces.set(namespace, known);
  return known;
}

function keyOf({ node, serviceAccount }: Workplace): string {
  return `${node}/${serviceAccount}`;
}
