/**
 * The clusters of the mesh that are read here: those of the configuration, which stay, and those that the local
 * cluster's remote secrets name, which come and go.
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { Settings } from './config.js';
import { type DerivedCluster, ROOT_NAMESPACE } from './model/index.js';
import type { Problem } from './schema/index.js';
import {
  type Access,
  createDirectorySource,
  createKubernetesSource,
  createRemoteClusters,
  type Generation,
  type RemoteClusters,
  type Source,
} from './sources/index.js';

type SourceSettings = Settings['sources'][number];

export interface Member {
  readonly config: Pick<SourceSettings, 'cluster' | 'network' | 'trustDomain' | 'meshConfig'>;
  readonly isLocal: boolean;
  readonly source: Source;
  derived?: { readonly from: Generation; readonly cluster: DerivedCluster };
}

export interface MembersInit {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  /** After each change of a member's generation, and of the members. */
  readonly onChange: () => void;
}

export interface Members {
  readonly local: Member | undefined;
  list(): readonly Member[];
  /** Resolves when each was read once, well or not: nobody waits longer. */
  readonly firstRead: Promise<void>;
  /** Of the Secrets that name remote clusters. */
  remoteProblems(): readonly Problem[];
}

export function createMembers(scope: Scope, init: MembersInit): Members {
  const { settings } = init;
  const configured: readonly Member[] = settings.sources.map((config) => ({
    config,
    isLocal: config.cluster === settings.clusterId,
    source: createSource(scope, config, init),
  }));
  const remotes = createRemotes(scope, init);
  let known = new Map<Source, Member>();

  function list(): readonly Member[] {
    if (!remotes) return configured;
    const members = [...remotes.sources].map(([cluster, source]) => known.get(source) ?? remoteMember(cluster, source));
    known = new Map(members.map((member) => [member.source, member]));
    return [...configured, ...members];
  }

  return {
    local: configured.find(({ isLocal }) => isLocal),
    list,
    firstRead: Promise.all([...configured.map(({ source }) => source.firstRead), remotes?.firstRead]).then(() => {}),
    remoteProblems: () => remotes?.problems() ?? [],
  };
}

/** Its Secret says nothing of it but how it is reached: all else is in its own objects, or as in the local cluster. */
function remoteMember(cluster: string, source: Source): Member {
  const config = {
    cluster,
    network: undefined,
    trustDomain: undefined,
    meshConfig: { serviceScopeConfigs: undefined },
  };
  return { config, isLocal: false, source };
}

function createSource(scope: Scope, { cluster, directory, kubernetes }: SourceSettings, init: MembersInit): Source {
  const common = { cluster, ...commonOf(init) };
  if (directory !== undefined)
    return createDirectorySource(scope, { ...common, directory, rescanMs: init.settings.rescanInterval });
  const access = kubernetes && accessOf(kubernetes);
  // The settings were checked: each has one or the other.
  if (!access) throw new Error(`source ${cluster} has neither directory nor kubernetes`);
  return createKubernetesSource(scope, { ...common, access });
}

function createRemotes(scope: Scope, init: MembersInit): RemoteClusters | undefined {
  const { clusterId, sources } = init.settings;
  const local = localApiOf(init.settings);
  if (!local?.kubernetes.remoteSecrets) return undefined;
  const { access } = local;
  const taken = new Map(sources.map(({ cluster }, index) => [cluster, `sources[${index}] of the configuration`]));
  return createRemoteClusters(scope, {
    ...commonOf(init),
    cluster: clusterId,
    access,
    namespace: ROOT_NAMESPACE,
    taken,
  });
}

export interface LocalApi {
  readonly access: Access;
  readonly kubernetes: NonNullable<SourceSettings['kubernetes']>;
}

/** The API of the local cluster, where that is what it is read from. */
export function localApiOf({ clusterId, sources }: Settings): LocalApi | undefined {
  const { kubernetes } = sources.find(({ cluster }) => cluster === clusterId) ?? {};
  const access = kubernetes && accessOf(kubernetes);
  return access && { access, kubernetes };
}

function accessOf(kubernetes: LocalApi['kubernetes']): Access | undefined {
  const { inCluster, kubeconfig, context, serviceAccountDirectory } = kubernetes;
  if (inCluster) return { kind: 'inCluster', directory: serviceAccountDirectory };
  return kubeconfig === undefined ? undefined : { kind: 'file', file: kubeconfig, context };
}

function commonOf({ settings, clock, log, onChange }: MembersInit) {
  const { clusterDomain, debounce } = settings;
  return { clusterDomain, clock, log, quietMs: debounce.quiet, maxMs: debounce.max, onGeneration: onChange };
}
