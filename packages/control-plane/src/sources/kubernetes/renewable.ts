/**
 * One remote cluster over the life of its credentials. New ones are tried beside the old: the old source stays in force
 * until the new one was read whole, and longer when it never is.
 *
 *   old ──────────────── in force ──────────────── closed
 *          new: reading ────────────────── whole ──> in force
 */
import type { Scope } from '@isthmus/sdk/runtime';
import type { Source, SourceStatus } from '../source.js';
import type { RemoteCluster } from './remote-secrets.js';
import { createKubernetesSource, type KubernetesSource, type KubernetesSourceInit } from './source.js';

export interface RenewableSource extends Source {
  /** Does nothing when the credentials are those that were tried last. */
  renew(remote: RemoteCluster): void;
  close(): void;
}

/** What all remote clusters have in common. */
export type RemoteInit = Omit<KubernetesSourceInit, 'cluster' | 'access' | 'isHeld'>;

interface Attempt {
  readonly scope: Scope;
  readonly source: KubernetesSource;
}

export function createRenewableSource(scope: Scope, first: RemoteCluster, init: RemoteInit): RenewableSource {
  const own = scope.child();
  let tried = first;
  let current = open(first);
  let next: Attempt | undefined;

  function open({ id, secret, kubeconfig }: RemoteCluster): Attempt {
    const attempt = own.child();
    const source = createKubernetesSource(attempt, {
      ...init,
      cluster: id,
      access: { kind: 'secret', name: secret, text: kubeconfig },
      isHeld: () => current.source.generation !== undefined,
      // What is not in force yet is nobody's news.
      onGeneration: () => current.source === source && init.onGeneration(),
    });
    return { scope: attempt, source };
  }

  function takeOver(attempt: Attempt): void {
    if (next !== attempt) return;
    const old = current;
    current = attempt;
    next = undefined;
    init.log.info({ cluster: tried.id, secret: tried.secret }, 'remote cluster is read with its new credentials');
    init.onGeneration();
    close(old);
  }

  function close(attempt: Attempt): void {
    attempt.scope.close('credentials are no longer used').catch((error: unknown) => {
      init.log.error({ err: error, cluster: tried.id }, 'connections to a remote cluster could not be closed');
    });
  }

  function status(): SourceStatus {
    const held = current.source.status();
    const renewal = next?.source.status();
    if (!held.kubernetes || !renewal?.kubernetes) return held;
    const kubernetes = { ...held.kubernetes, renewal: renewal.kubernetes };
    return { ...held, kubernetes, problems: [...held.problems, ...renewal.problems] };
  }

  return {
    get generation() {
      return current.source.generation;
    },
    firstRead: current.source.firstRead,
    status,
    renew(remote) {
      if (remote.kubeconfig === tried.kubeconfig) return;
      tried = remote;
      if (next) close(next);
      const attempt = open(remote);
      next = attempt;
      void attempt.source.whole.then(() => takeOver(attempt));
    },
    close() {
      own.close('the remote cluster was removed').catch((error: unknown) => {
        init.log.error({ err: error, cluster: tried.id }, 'connections to a remote cluster could not be closed');
      });
    },
  };
}
