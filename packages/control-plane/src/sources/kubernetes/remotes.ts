/**
 * The remote clusters of a mesh by Istio's remote secrets: watched, compared with what is there, and done. Clusters come
 * when they are named, go exactly when they are named no longer, and live through changes of their credentials; a Secret
 * that is renamed or split is one change. Losing sight of the Secrets changes nothing.
 */
import type { Scope } from '@isthmus/sdk/runtime';
import { createDebounce } from '../../files/index.js';
import { formatProblem, type Problem } from '../../schema/index.js';
import type { Source } from '../source.js';
import type { Access } from './access.js';
import { createApi } from './api.js';
import { createHealth } from './health.js';
import { runReflector } from './reflector.js';
import { planRemotes } from './remote-secrets.js';
import { createRenewableSource, type RemoteInit, type RenewableSource } from './renewable.js';
import { remoteSecretsOf } from './resources.js';
import { FIRST_SYNC_MS } from './source.js';
import { createTable } from './table.js';

export interface RemoteClustersInit extends RemoteInit {
  /** The local cluster, whose API has the Secrets. */
  readonly cluster: string;
  readonly access: Access;
  /** Where the Secrets are: `istio-system`. */
  readonly namespace: string;
  /** Clusters that come from elsewhere, with where from. */
  readonly taken: ReadonlyMap<string, string>;
}

export interface RemoteClusters {
  /** By id. `onGeneration` is called whenever this, or what is in it, changes. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Resolves when all remotes named at start were read, or had their time. */
  readonly firstRead: Promise<void>;
  problems(): readonly Problem[];
}

export function createRemoteClusters(scope: Scope, init: RemoteClustersInit): RemoteClusters {
  const { clock, log, taken, cluster } = init;
  const sources = new Map<string, RenewableSource>();
  let problems: readonly Problem[] = [];
  const resource = remoteSecretsOf(init.namespace);
  const health = createHealth({ cluster, log, consequence: () => 'remote clusters stay as they are' });
  const listed = createGate(scope, init);
  const debounce = createDebounce({ quietMs: init.quietMs, maxMs: init.maxMs, clock, run: carryOut });
  scope.own(() => debounce.cancel());

  function carryOut(): void {
    const plan = planRemotes({ secrets: [...table.objects.values()], taken });
    const told = new Set(problems.map(formatProblem));
    problems = plan.problems;
    for (const text of problems.map(formatProblem)) if (!told.has(text)) log.error({ cluster }, text);
    const gone = [...sources].filter(([id]) => !plan.clusters.has(id));
    for (const [id, source] of gone) {
      sources.delete(id);
      source.close();
      log.info({ cluster: id }, 'remote cluster is removed: no Secret names it any more');
    }
    for (const remote of plan.clusters.values()) {
      const source = sources.get(remote.id);
      if (source) source.renew(remote);
      else {
        log.info({ cluster: remote.id, secret: remote.secret }, 'remote cluster is added');
        sources.set(remote.id, createRenewableSource(scope, remote, init));
      }
    }
    if (gone.length > 0) init.onGeneration();
  }

  const table = createTable({
    onListed() {
      if (listed.isOpen()) return debounce.touch();
      carryOut();
      listed.open();
    },
    onChange: () => debounce.touch(),
    onState(state) {
      const isFailing = state.state === 'failing';
      // Of an API that fails as a whole the source of that cluster tells.
      if (!isFailing || state.failure.isOfOneKind) health.set(resource, state);
      if (isFailing && state.failure.reason === 'forbidden') listed.open();
    },
  });
  const api = createApi(init.access, clock);
  const { sink } = table;
  runReflector(scope, { api, resource, clock, sink, ...(init.random === undefined ? {} : { random: init.random }) });

  return {
    sources,
    firstRead: listed.opened.then(async () => {
      await Promise.all([...sources.values()].map(({ firstRead }) => firstRead));
    }),
    problems: () => [...health.problems(), ...problems],
  };
}

/** Opens once: when the Secrets were listed, may not be listed, or take too long. */
function createGate(scope: Scope, { clock, firstSyncMs = FIRST_SYNC_MS }: RemoteInit) {
  let isOpen = false;
  let resolveOpened = () => {};
  const opened = new Promise<void>((resolve) => {
    resolveOpened = resolve;
  });
  function open(): void {
    isOpen = true;
    resolveOpened();
  }
  scope.own(clock.schedule(firstSyncMs, open));
  return { opened, open, isOpen: () => isOpen };
}
