/**
 * The API of a cluster as its live source: every kind listed and watched, each burst of events one generation. The first
 * generation is there when all kinds were read whole: half of a cluster must not look like the whole. From then on what
 * was read stays in force whatever becomes of the API.
 *
 *   reading ── all kinds read ──> live <──────────── all kinds watched ─┐
 *      └─ deadline ──> empty ─────┘ └── a kind cannot be read ──> stale ┘
 */
import { setMaxListeners } from 'node:events';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { createDebounce } from '../../files/index.js';
import { formatProblem } from '../../schema/index.js';
import type { Generation } from '../generation.js';
import { KIND_NAMES, type Kind } from '../kinds/index.js';
import { countObjects } from '../shards.js';
import type { Source, SourceStatus } from '../source.js';
import type { Access } from './access.js';
import { createApi } from './api.js';
import { createHealth } from './health.js';
import { type ReflectorSink, runReflector } from './reflector.js';
import { RESOURCES } from './resources.js';
import { createObjectStore, type FoundProblem, type ObjectStore } from './store.js';

export interface KubernetesSourceInit {
  readonly cluster: string;
  readonly access: Access;
  readonly clusterDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** See `debounce.ts`. */
  readonly quietMs: number;
  readonly maxMs: number;
  /** Default FIRST_SYNC_MS. */
  readonly firstSyncMs?: number;
  /** Whether something else has an older state of this cluster in force. */
  readonly isHeld?: () => boolean;
  /** After every change of the generation. */
  readonly onGeneration: () => void;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: () => number;
}

export interface KubernetesSource extends Source {
  /** Resolves when there is a generation, however late. */
  readonly whole: Promise<void>;
}

/** istiod's PILOT_REMOTE_CLUSTER_TIMEOUT: an API that has not told all by then holds nobody up any longer. */
export const FIRST_SYNC_MS = 30_000;

export function createKubernetesSource(scope: Scope, init: KubernetesSourceInit): KubernetesSource {
  const { cluster, clock, log, onGeneration, random } = init;
  const api = createApi(init.access, clock);
  // One listener per request; a kind has one at a time.
  setMaxListeners(0, scope.signal);
  const missing = new Set<Kind>(KIND_NAMES);
  const firsts = createFirsts(scope, init);
  let generation: Generation | undefined;
  let count = 0;
  const consequence = () =>
    generation || init.isHeld?.()
      ? 'what was read before stays in force'
      : 'nothing is known of this cluster until it can be read';
  const health = createHealth({ cluster, log, consequence });
  const store = createObjectStore({ ...init, onProblem: (problem) => tell(log, cluster, problem) });
  const debounce = createDebounce({ quietMs: init.quietMs, maxMs: init.maxMs, clock, run: commit });
  scope.own(() => debounce.cancel());

  function commit(): void {
    const next = store.commit();
    if (next === generation || scope.signal.aborted) return;
    generation = next;
    count += 1;
    const message = count === 1 ? 'source read' : 'source changed';
    log[count === 1 ? 'info' : 'debug']({ cluster, generation: count, objects: countObjects(next.objects) }, message);
    onGeneration();
  }

  function onRead(kind: Kind): void {
    if (missing.size > 0) {
      missing.delete(kind);
      if (missing.size > 0) return;
      commit();
      firsts.onWhole();
    } else debounce.touch();
  }

  function stateOf(): SourceStatus['state'] {
    if (generation) return health.problems().length > 0 ? 'stale' : 'live';
    return firsts.isLate() ? 'empty' : 'reading';
  }

  for (const [kind, resource] of RESOURCES) {
    const sink = createSink({
      store,
      kind,
      onRead: () => onRead(kind),
      onChange: () => missing.size === 0 && debounce.touch(),
      onState: (state) => health.set(resource, state),
    });
    runReflector(scope, { api, resource, clock, sink, ...(random === undefined ? {} : { random }) });
  }
  return {
    get generation() {
      return generation;
    },
    firstRead: firsts.firstRead,
    whole: firsts.whole,
    status: () => ({
      cluster,
      kubernetes: { server: api.server, credentials: api.origin, kinds: health.states() },
      state: stateOf(),
      generation: count,
      problems: [...health.problems(), ...store.problems()],
    }),
  };
}

interface SinkInit {
  readonly store: ObjectStore;
  readonly kind: Kind;
  readonly onRead: () => void;
  readonly onChange: () => void;
  readonly onState: ReflectorSink['onState'];
}

/** What a reflector reads goes into the store, and somebody is told. */
function createSink({ store, kind, onRead, onChange, onState }: SinkInit): ReflectorSink {
  return {
    onState,
    relist() {
      const relisting = store.relist(kind);
      return {
        add: relisting.add,
        finish() {
          relisting.finish();
          onRead();
        },
      };
    },
    change(type, object) {
      if (type === 'DELETED') store.remove(kind, object);
      else store.put(kind, object);
      onChange();
    },
  };
}

/** The two moments somebody waits for: all was read, and nobody waits any longer. */
function createFirsts(scope: Scope, { cluster, clock, log, firstSyncMs = FIRST_SYNC_MS }: KubernetesSourceInit) {
  let resolveWhole = () => {};
  let resolveRead = () => {};
  let isLate = false;
  const whole = new Promise<void>((resolve) => {
    resolveWhole = resolve;
  });
  const firstRead = new Promise<void>((resolve) => {
    resolveRead = resolve;
  });
  const cancel = clock.schedule(firstSyncMs, () => {
    isLate = true;
    log.warn({ cluster, afterMs: firstSyncMs }, 'the Kubernetes API has not told all yet; the rest waits no longer');
    resolveRead();
  });
  scope.own(cancel);
  return {
    whole,
    firstRead,
    isLate: () => isLate,
    onWhole() {
      cancel();
      resolveRead();
      resolveWhole();
    },
  };
}

/** Warnings of Pods are what every Pod goes through while it starts: no address yet, not ready yet. */
function tell(log: Logger, cluster: string, problem: FoundProblem): void {
  const text = formatProblem(problem);
  const fate = problem.isHeld ? 'its last good version stays in force' : 'it is left out until it is corrected';
  if (problem.severity === 'error') log.error({ cluster }, `${text}; ${fate}`);
  else log[problem.kind === 'Pod' ? 'debug' : 'warn']({ cluster }, text);
}
