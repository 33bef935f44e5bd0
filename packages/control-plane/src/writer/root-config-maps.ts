/**
 * The ConfigMap `istio-ca-root-cert` in every namespace, as istiod keeps it: proxies mount it to know the control plane by.
 * Namespaces and ConfigMaps are watched; what differs is applied (server-side apply), however it came to differ. What
 * cannot be written is tried again, and told once.
 */
import { type Clock, createBackoff, type Logger, pause, type Scope } from '@isthmus/sdk/runtime';
import { createDebounce } from '../files/index.js';
import {
  ApiFailure,
  createHealth,
  createTable,
  type KubernetesApi,
  type Resource,
  ruleFor,
  runReflector,
  type Table,
} from '../sources/index.js';

export interface RootConfigMapsInit {
  readonly api: KubernetesApi;
  readonly cluster: string;
  /** Trust anchors, PEM, as they are now. */
  readonly roots: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** See `debounce.ts`. */
  readonly quietMs: number;
  readonly maxMs: number;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: () => number;
}

export interface RootConfigMaps {
  /** The roots have changed. */
  touch(): void;
}

export const ROOT_CONFIG_MAP = 'istio-ca-root-cert';
const KEY = 'root-cert.pem';
const LABELS = { 'istio.io/config': 'true' } as const;
/** istiod's: no proxies run there. */
const WITHOUT: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage']);
/** Requests at a time: a new root in a thousand namespaces must not be a burst. */
const WRITES_AT_A_TIME = 4;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_CAP_MS = 30_000;

const NAMESPACES: Resource = {
  kind: 'Namespace',
  apiVersion: 'v1',
  group: '',
  plural: 'namespaces',
  isBuiltIn: true,
  path: '/api/v1/namespaces',
};

/** By name, so that a role can grant this one and no other ConfigMap. */
const CONFIG_MAPS: Resource = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  group: '',
  plural: 'configmaps',
  isBuiltIn: true,
  path: '/api/v1/configmaps',
  selectors: { fieldSelector: `metadata.name=${ROOT_CONFIG_MAP}` },
};

interface Shape {
  readonly metadata?: { readonly name?: unknown; readonly labels?: Readonly<Record<string, unknown>> | null } | null;
  readonly status?: { readonly phase?: unknown } | null;
  readonly data?: Readonly<Record<string, unknown>> | null;
}

/** Names of the namespaces whose ConfigMap is not there, or not as it should be. */
export function findOutdated(
  namespaces: Iterable<unknown>,
  /** By `namespace/name`. */
  configMaps: ReadonlyMap<string, unknown>,
  roots: string,
): readonly string[] {
  return [...namespaces].flatMap((value) => {
    const { metadata, status } = (value ?? {}) as Shape;
    const name = String(metadata?.name ?? '');
    if (name === '' || WITHOUT.has(name) || status?.phase === 'Terminating') return [];
    const found = configMaps.get(`${name}/${ROOT_CONFIG_MAP}`) as Shape | undefined;
    const isLabelled = Object.entries(LABELS).every(([key, label]) => found?.metadata?.labels?.[key] === label);
    return isLabelled && found?.data?.[KEY] === roots ? [] : [name];
  });
}

export function maintainRootConfigMaps(scope: Scope, init: RootConfigMapsInit): RootConfigMaps {
  const { api, clock, cluster, log, roots, random } = init;
  const health = createHealth({ cluster, log, consequence: () => `ConfigMaps ${ROOT_CONFIG_MAP} stay as they are` });
  const missing = new Set<Resource>([NAMESPACES, CONFIG_MAPS]);
  const debounce = createDebounce({ quietMs: init.quietMs, maxMs: init.maxMs, clock, run: () => void reconcile() });
  const writer = createWriter(init, scope.signal);
  let reconciling: Promise<void> | undefined;
  let isDue = false;

  const [namespaces, configMaps] = [follow(NAMESPACES), follow(CONFIG_MAPS)];

  function follow(resource: Resource): Table {
    const table = createTable({
      onListed() {
        missing.delete(resource);
        debounce.touch();
      },
      onChange: () => debounce.touch(),
      onState: (state) => health.set(resource, state),
    });
    const { sink } = table;
    runReflector(scope, { api, resource, clock, sink, ...(random === undefined ? {} : { random }) });
    return table;
  }

  /** One at a time; what changes meanwhile is looked at afterwards. */
  function reconcile(): Promise<void> {
    isDue = true;
    reconciling ??= writeUntilDone().finally(() => {
      reconciling = undefined;
    });
    return reconciling;
  }

  async function writeUntilDone(): Promise<void> {
    while (isDue && !scope.signal.aborted) {
      isDue = false;
      if (missing.size > 0) return;
      const text = roots();
      const isDone = await writer.write(findOutdated(namespaces.objects.values(), configMaps.objects, text), text);
      if (!isDone) isDue = true;
    }
  }

  scope.own(async () => {
    debounce.cancel();
    await reconciling;
  });
  return { touch: () => debounce.touch() };
}

/**
 * Writes what it is given, and waits when some of it could not be written. Only the watch tells what is there: an answer may
 * be older than a deletion that was heard of. Until it tells, the same may be applied once more, which changes nothing.
 */
function createWriter({ api, clock, log, random }: RootConfigMapsInit, signal: AbortSignal) {
  const backoff = createBackoff({
    firstMs: BACKOFF_FIRST_MS,
    capMs: BACKOFF_CAP_MS,
    ...(random === undefined ? {} : { random }),
  });
  let told: string | undefined;

  async function write(namespaces: readonly string[], roots: string): Promise<boolean> {
    const rest = [...namespaces];
    const failures: Error[] = [];
    async function work(): Promise<void> {
      for (let next = rest.shift(); next !== undefined && !signal.aborted; next = rest.shift()) {
        await apply(api, next, roots, signal).catch((error: Error) => {
          if (!isOfVanished(error)) failures.push(error);
        });
      }
    }
    await Promise.all(Array.from({ length: WRITES_AT_A_TIME }, work));
    if (signal.aborted) return true;
    const [failure] = failures;
    if (failure) {
      const reason = failure instanceof ApiFailure ? failure.reason : failure.message;
      if (reason !== told) log.error({ namespaces: failures.length }, `${failure.message}; proxies may not find roots`);
      told = reason;
      await pause(clock, backoff.next(), signal);
      return false;
    }
    backoff.reset();
    if (told !== undefined || namespaces.length > 0)
      log.info({ namespaces: namespaces.length }, `ConfigMaps ${ROOT_CONFIG_MAP} are written`);
    told = undefined;
    return true;
  }

  return { write };
}

function apply(api: KubernetesApi, namespace: string, roots: string, signal: AbortSignal): Promise<unknown> {
  const query = new URLSearchParams({ fieldManager: 'isthmus-control-plane', force: 'true' });
  const metadata = { name: ROOT_CONFIG_MAP, namespace, labels: LABELS };
  return api.ask({
    path: `/api/v1/namespaces/${namespace}/configmaps/${ROOT_CONFIG_MAP}?${query}`,
    what: `apply configmap ${namespace}/${ROOT_CONFIG_MAP}`,
    rule: ruleFor(CONFIG_MAPS, ['create', 'patch']),
    signal,
    send: {
      method: 'PATCH',
      type: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [KEY]: roots } },
    },
  });
}

/** The namespace was deleted while it was written to. */
function isOfVanished(error: Error): boolean {
  if (!(error instanceof ApiFailure)) return false;
  return error.reason === 'notFound' || (error.reason === 'forbidden' && error.message.includes('being terminated'));
}
