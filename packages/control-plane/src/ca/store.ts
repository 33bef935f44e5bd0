/**
 * The CA's files as a live thing: read at start, which has to succeed, and again when they change. A set that cannot
 * be used leaves the one before in force; certificates issued under either are trusted as long as both roots are in
 * `root-cert.pem`.
 */
import type { Logger, Scope } from '@isthmus/sdk/runtime';
import { type FollowPace, followDirectories } from '../files/index.js';
import { type CaMaterial, loadCacerts } from './cacerts.js';

export interface CaStoreInit extends FollowPace {
  readonly directory: string;
  readonly log: Logger;
}

export interface CaStore {
  readonly current: CaMaterial;
  /** Why the files as they are now are not in force; undefined when they are. */
  readonly problem: string | undefined;
  /** Calls back after another set came into force. For as long as the store lives. */
  onReplaced(listener: () => void): void;
}

export async function createCaStore(scope: Scope, init: CaStoreInit): Promise<CaStore> {
  const { directory, clock, log } = init;
  const listeners = new Set<() => void>();
  let problem: string | undefined;
  let current = await loadCacerts(directory, clock.now());
  tell(current, 'CA loaded');

  function tell({ warnings, certificate: { subject, notAfter } }: CaMaterial, what: string): void {
    for (const warning of warnings) log.warn(warning);
    log.info({ directory, subject, notAfter }, what);
  }

  async function reload(): Promise<void> {
    try {
      const next = await loadCacerts(directory, clock.now());
      problem = undefined;
      if (isSame(next, current)) return;
      current = next;
      tell(next, 'CA replaced');
      for (const listener of listeners) listener();
    } catch (error) {
      const { message } = error as Error;
      if (message !== problem)
        log.error(
          { directory, reason: message },
          'CA files cannot be used as they are now; the CA before stays in force',
        );
      problem = message;
    }
  }

  await followDirectories(scope, { ...init, directories: [directory], look: reload });
  return {
    get current() {
      return current;
    },
    get problem() {
      return problem;
    },
    onReplaced: (listener) => void listeners.add(listener),
  };
}

function isSame(a: CaMaterial, b: CaMaterial): boolean {
  const texts = ({ certificate, intermediates, roots }: CaMaterial) => [
    certificate.toString('pem'),
    ...intermediates,
    roots,
  ];
  return texts(a).join() === texts(b).join() && a.key.equals(b.key);
}
