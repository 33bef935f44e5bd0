/**
 * One kind of object of one API server, kept up to date: listed once, then watched from there for ever.
 *
 *   list ── whole ──> watch ── ended, cut off ──> watch from the last event or bookmark
 *    ^                  └── 410 Gone, what cannot be read ──┐
 *    └──────────────────────────────────────────────────────┘
 *
 * Until the new list is whole the old objects stay: nothing blinks. Every failure is followed by a pause that doubles,
 * with jitter, so that a fleet does not come back at one moment. Events are applied as they are read, so there is no
 * queue: a slow reader slows the socket down.
 */
import type { IncomingMessage } from 'node:http';
import { type Clock, createBackoff, pause, type Scope } from '@isthmus/sdk/runtime';
import type { KubernetesApi } from './api.js';
import { type ListPage, readEvent, readPage } from './events.js';
import { ApiFailure } from './failure.js';
import { readLines } from './lines.js';
import { LIST_AND_WATCH, type Resource, ruleFor } from './resources.js';
import type { Relisting } from './store.js';

export type ResourceState =
  | { readonly state: 'listing' }
  | { readonly state: 'watching' }
  /** Its definition is not installed; looked for again from time to time. */
  | { readonly state: 'absent' }
  | { readonly state: 'failing'; readonly failure: ApiFailure };

export interface ReflectorSink {
  /** For all there are, in place of all there were. */
  relist(): Relisting;
  change(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): void;
  onState(state: ResourceState): void;
}

export interface ReflectorInit {
  readonly api: KubernetesApi;
  readonly resource: Resource;
  readonly clock: Clock;
  readonly sink: ReflectorSink;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: () => number;
}

/** client-go's page. */
const PAGE_OBJECTS = 500;
/** Of one kind in one cluster; more than etcd's 8 GB hold. */
const MAX_OBJECTS = 2_000_000;
/** A watch is asked to end after five to ten minutes, as client-go's, so that load balancers are balanced anew. */
const WATCH_SECONDS = 300;
/** What a watch that should have ended long ago is given on top. */
const WATCH_GRACE_MS = 30_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_CAP_MS = 30_000;
/** A watch that was open for so long was no failure, even when nothing came. */
const WATCH_LASTED_MS = 5_000;
/** How often a definition that is not installed is looked for. */
const ABSENT_MS = 20_000;
/** Objects are not dropped on one 404: an API server that starts knows its definitions late. */
const ABSENT_ANSWERS = 3;
/** Nor is one 403 believed about what could be read before: it knows its roles late as well. */
const FORBIDDEN_ANSWERS = 3;

/** Runs until the scope closes. */
export function runReflector(scope: Scope, init: ReflectorInit): void {
  const { resource, clock, sink, random } = init;
  const { signal } = scope;
  const reader = createResourceReader(init, signal);
  const backoff = createBackoff({
    firstMs: BACKOFF_FIRST_MS,
    capMs: BACKOFF_CAP_MS,
    ...(random === undefined ? {} : { random }),
  });
  /** Where the watch goes on; undefined: nothing to go on from, list. */
  let version: string | undefined;
  let absences = 0;
  /** In a row, since it could be read; undefined before it could. */
  let refusals: number | undefined;
  let isEmpty = true;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (version === undefined) await list();
        else await watch(version);
      } catch (error) {
        if (signal.aborted) return;
        await recover(toFailure(error));
      }
    }
  }

  async function list(): Promise<void> {
    const { relisting, page, objects } = await reader.list(() => sink.relist());
    if (signal.aborted) return;
    absences = 0;
    refusals = 0;
    isEmpty = objects === 0;
    relisting.finish();
    version = page.resourceVersion;
  }

  async function watch(from: string): Promise<void> {
    const response = await reader.open(from);
    refusals = 0;
    sink.onState({ state: 'watching' });
    const openedMs = clock.monotonic();
    let events = 0;
    try {
      for await (const event of reader.events(response)) {
        events += 1;
        if (event.type !== 'BOOKMARK') {
          isEmpty = false;
          sink.change(event.type, event.object);
        }
        version = event.resourceVersion ?? version;
      }
    } finally {
      response.destroy();
    }
    if (events > 0 || clock.monotonic() - openedMs >= WATCH_LASTED_MS) backoff.reset();
    else await pause(clock, backoff.next(), signal);
  }

  async function recover(failure: ApiFailure): Promise<void> {
    const { reason } = failure;
    if (reason === 'notFound' && !resource.isBuiltIn) return beAbsent();
    // A server restored from a backup may never have had our version: ask for all, but not one that is busy or away.
    if (reason === 'gone' || reason === 'malformed' || reason === 'unavailable') version = undefined;
    if (reason === 'forbidden' && refusals !== undefined) refusals += 1;
    const isDoubtful = reason === 'forbidden' && refusals !== undefined && refusals < FORBIDDEN_ANSWERS;
    if (reason !== 'gone' && !isDoubtful) sink.onState({ state: 'failing', failure });
    await pause(clock, Math.max(backoff.next(), failure.retryAfterMs), signal);
  }

  async function beAbsent(): Promise<void> {
    version = undefined;
    absences += 1;
    const isSure = isEmpty || absences >= ABSENT_ANSWERS;
    if (isSure) {
      isEmpty = true;
      sink.relist().finish();
      sink.onState({ state: 'absent' });
    }
    await pause(clock, isSure ? ABSENT_MS : backoff.next(), signal);
  }

  sink.onState({ state: 'listing' });
  const running = run();
  scope.own(() => running);
}

const PAGED = { limit: String(PAGE_OBJECTS) };

interface Listed {
  readonly relisting: Relisting;
  /** The last; its version is that of the whole list. */
  readonly page: ListPage;
  readonly objects: number;
}

/** The requests of one resource. */
function createResourceReader({ api, resource, clock, random = Math.random }: ReflectorInit, signal: AbortSignal) {
  const { path, plural, selectors } = resource;
  const [listing, watching] = [`list ${plural}`, `watch ${plural}`];
  const rule = ruleFor(resource, LIST_AND_WATCH);
  const pathWith = (query: Readonly<Record<string, string>>) =>
    `${path}?${new URLSearchParams({ ...selectors, ...query })}`;

  async function listAll(relisting: Relisting, first: Readonly<Record<string, string>>): Promise<Listed> {
    let query = first;
    for (let objects = 0; ; ) {
      const page = readPage(await api.ask({ path: pathWith(query), what: listing, rule, signal }), listing);
      objects += page.items.length;
      if (objects > MAX_OBJECTS)
        throw new ApiFailure('malformed', `there are more than ${MAX_OBJECTS} ${plural}; what was read before stays`);
      relisting.add(page.items);
      if (page.next === '') return { relisting, page, objects };
      query = { ...PAGED, continue: page.next };
    }
  }

  return {
    async list(relist: () => Relisting): Promise<Listed> {
      try {
        return await listAll(relist(), PAGED);
      } catch (error) {
        // The pages that are left were compacted away. All at once cannot get too old on the way.
        if (!(error instanceof ApiFailure) || error.reason !== 'gone') throw error;
        return listAll(relist(), {});
      }
    },
    open(version: string): Promise<IncomingMessage> {
      const query = {
        watch: '1',
        allowWatchBookmarks: 'true',
        resourceVersion: version,
        timeoutSeconds: String(Math.round(WATCH_SECONDS * (1 + random()))),
      };
      return api.open({ path: pathWith(query), what: watching, rule, signal });
    },
    async *events(response: IncomingMessage) {
      const lateMs = 2 * WATCH_SECONDS * 1000 + WATCH_GRACE_MS;
      const cancel = clock.schedule(lateMs, () => response.destroy(new Error('the watch did not end in time')));
      try {
        for await (const line of readLines(response)) yield readEvent(line, watching);
      } catch (error) {
        // Cut off: what came is whole, and the next watch goes on from there.
        if (error instanceof ApiFailure || error instanceof RangeError) throw error;
      } finally {
        cancel();
      }
    },
  };
}

function toFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  return new ApiFailure('malformed', `what the API sends cannot be used: ${(error as Error).message}`);
}
