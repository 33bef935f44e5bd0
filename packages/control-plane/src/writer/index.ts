/** What one replica writes into the API of its own cluster: see `leadership.ts` for which one, and what. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { type Access, createApi } from '../sources/index.js';
import { createLeadership, type Leadership } from './leadership.js';
import { maintainRootConfigMaps, type RootConfigMaps } from './root-config-maps.js';

export interface WriterInit {
  readonly access: Access;
  readonly cluster: string;
  /** Where the Lease is. */
  readonly namespace: string;
  readonly roots: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly quietMs: number;
  readonly maxMs: number;
}

export type { Leadership } from './leadership.js';

export interface Writer {
  readonly leadership: Leadership;
  /** The roots have changed. */
  touch(): void;
}

const LEASE = 'isthmus-control-plane';

export function createWriter(scope: Scope, init: WriterInit): Writer {
  const { clock, log, namespace } = init;
  const api = createApi(init.access, clock);
  let current: RootConfigMaps | undefined;
  const leadership = createLeadership(scope, {
    api,
    namespace,
    name: LEASE,
    // A pod's name is its host name; a restarted one is another.
    identity: `${hostname()}_${randomUUID()}`,
    clock,
    log,
    onTerm(term) {
      current = maintainRootConfigMaps(term, { ...init, api });
      term.own(() => {
        current = undefined;
      });
    },
  });
  return { leadership, touch: () => current?.touch() };
}
