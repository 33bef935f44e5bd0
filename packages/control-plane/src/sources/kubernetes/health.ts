/**
 * How the kinds of one API are doing, and what of it is worth a line in the log: each reason once, however many kinds
 * it meets and however often it is met, and once that it is over. Keeps one state per kind.
 */
import type { Logger } from '@isthmus/sdk/runtime';
import type { Problem } from '../../schema/index.js';
import type { ApiFailure, FailureReason } from './failure.js';
import type { ResourceState } from './reflector.js';
import type { Resource } from './resources.js';

export interface HealthInit {
  readonly cluster: string;
  readonly log: Logger;
  /** Added to the message of a failure: what becomes of what was read before. */
  readonly consequence: () => string;
}

export interface Health {
  set(resource: Resource, state: ResourceState): void;
  /** By kind. */
  states(): Readonly<Record<string, ResourceState['state']>>;
  /** Failures that last. */
  problems(): readonly Problem[];
}

/** What a failure is about when it is not about one kind. */
const THE_API = 'the API';

export function createHealth({ cluster, log, consequence }: HealthInit): Health {
  const states = new Map<string, ResourceState>();
  /** Reasons that were told and are not over, by what they are about. */
  const told = new Map<string, Set<FailureReason>>();
  const failures = () => [...states.values()].flatMap((each) => (each.state === 'failing' ? [each.failure] : []));

  function tellFailure({ kind }: Resource, { reason, message, isOfOneKind }: ApiFailure): void {
    const subject = isOfOneKind ? kind : THE_API;
    const reasons = told.get(subject) ?? new Set();
    if (reasons.has(reason)) return;
    told.set(subject, reasons.add(reason));
    log.error({ cluster, reason }, `${message}; ${consequence()}`);
  }

  function tellRecovery({ kind }: Resource): void {
    const isApiWell = failures().every(({ isOfOneKind }) => isOfOneKind);
    for (const subject of isApiWell ? [kind, THE_API] : [kind]) {
      if (told.delete(subject)) log.info({ cluster, of: subject }, 'what could not be read is read again');
    }
  }

  return {
    set(resource, state) {
      const before = states.get(resource.kind)?.state;
      states.set(resource.kind, state);
      if (state.state === 'failing') tellFailure(resource, state.failure);
      else if (state.state !== 'listing') tellRecovery(resource);
      if (state.state === 'absent' && before !== 'absent') {
        const name = `${resource.plural}.${resource.group}`;
        log.info({ cluster, resource: name }, 'kind is not installed in this cluster; it is looked for again');
      }
    },
    states: () => Object.fromEntries([...states].map(([kind, { state }]) => [kind, state])),
    problems() {
      const all = failures();
      const [whole] = all.filter(({ isOfOneKind }) => !isOfOneKind);
      return [...(whole ? [whole] : []), ...all.filter(({ isOfOneKind }) => isOfOneKind)].map(({ message }) => ({
        severity: 'error',
        file: cluster,
        line: 0,
        col: 0,
        path: '',
        message,
      }));
    },
  };
}
