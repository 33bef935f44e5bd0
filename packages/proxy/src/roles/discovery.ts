/**
 * Where a proxy's view of the mesh comes from: its control plane, a local mesh, or both into one store (names must differ
 * then: a removal by one takes what the other said under that name).
 */
import { readFile } from 'node:fs/promises';
import {
  createDiscoveryClient,
  createLocalSource,
  type DiscoveryClient,
  type DiscoveryClientInit,
  type LocalSource,
} from '@isthmus/sdk/discovery';
import type { Scope } from '@isthmus/sdk/runtime';
import { CONTROL_PLANE_IDENTIFIER } from '@isthmus/sdk/wire';
import { xdsAccess } from '../config/control-plane.js';
import { parseLocalMesh } from '../config/yaml-kinds.js';
import type { Settings } from '../config.js';

export type DiscoveryInit = Required<Pick<DiscoveryClientInit, 'node' | 'store' | 'onSnapshot' | 'clock' | 'log'>> &
  Pick<DiscoveryClientInit, 'observer' | 'random'>;

export interface Discovery {
  /** Resolves when all there is has been read once. Rejects when a local mesh cannot be used, or when the scope closes. */
  readonly ready: Promise<void>;
  /** See `DiscoveryClient.demand`; undefined where nothing is asked for on demand. */
  readonly demand: DiscoveryClient['demand'] | undefined;
  /** Whether gateways are told of exported services only: by our control plane, or by who wrote the local mesh. Known when ready. */
  readonly tellsExportsOnly: boolean;
  /** For admin pages, as plain data. */
  status(): unknown;
}

export function createDiscovery(scope: Scope, settings: Settings, init: DiscoveryInit): Discovery {
  const local = localOf(scope, settings, init);
  const { xdsAddress } = settings;
  const client =
    xdsAddress === undefined
      ? undefined
      : createDiscoveryClient(scope, {
          ...xdsAccess(xdsAddress, settings),
          ...init,
          mode: settings.xdsOnDemand ? 'on-demand' : 'wildcard',
        });
  const demand = settings.xdsOnDemand ? client?.demand : undefined;
  const ready = Promise.all([local?.ready, client?.ready]).then(async () => void (await demand?.(selfOf(settings))));
  // Nobody has to wait for it.
  ready.catch(() => {});
  return {
    ready,
    demand,
    get tellsExportsOnly() {
      return client === undefined || client.status().controlPlane === CONTROL_PLANE_IDENTIFIER;
    },
    status: () => statusOf(client, local),
  };
}

/** The workloads of a node are told unasked; one that stands alone has to ask for itself, under the uid of its pod. */
function selfOf({ mode, workload, clusterId }: Settings): readonly string[] {
  return mode === 'dedicated' && workload ? [`${clusterId}//Pod/${workload.namespace}/${workload.name}`] : [];
}

function localOf(scope: Scope, { localXdsPath, localXds }: Settings, init: DiscoveryInit): LocalSource | undefined {
  if (localXdsPath !== undefined) {
    return createLocalSource(scope, {
      ...init,
      name: localXdsPath,
      read: () => readFile(localXdsPath, 'utf8'),
      parse: parseLocalMesh,
    });
  }
  if (localXds === undefined) return undefined;
  return createLocalSource(scope, { ...init, name: 'LOCAL_XDS', read: async () => localXds, parse: parseLocalMesh });
}

/** The stream's state as it always was; a local mesh is added to it, or stands alone. */
function statusOf(client: DiscoveryClient | undefined, local: LocalSource | undefined): unknown {
  return { ...client?.status(), ...(local && { local: local.status() }) };
}
