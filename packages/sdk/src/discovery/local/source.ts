/**
 * A local mesh as the source of a store, read again whenever its text changes. What cannot be used is logged with all
 * its problems, and the mesh read last stays in force; the first must be good.
 *
 * Looked at every 2 s, by content: mounted volumes swap links, and not every file system tells of changes. Bound: 64 MiB.
 */
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Scope } from '../../runtime/scope.js';
import { formatProblems } from '../decode/problems.js';
import type { ResourceModel, Snapshot } from '../model.js';
import type { Batch, Removal, Store } from '../store.js';
import { type LocalMesh, readLocalMesh, resourcesOf } from './mesh.js';

const POLL_MS = 2_000;
const MAX_TEXT_BYTES = 67_108_864;

export interface LocalSourceInit {
  /** For messages: the path, or the name of the variable that holds the text. */
  readonly name: string;
  /** Rejects when it cannot be read. */
  read(): Promise<string>;
  /** YAML to plain data; throws a readable error. String matchers come as `{ Exact: 'x' }`. */
  parse(text: string): unknown;
  readonly store: Store;
  /** After each change, with what changed. */
  readonly onSnapshot?: (snapshot: Snapshot, batch: Batch) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface LocalStatus {
  readonly name: string;
  /** When the mesh in force was read, milliseconds since the epoch; undefined before the first. */
  readonly readAt: number | undefined;
  readonly resources: number;
  /** Why what is there now is not in force. */
  readonly problem: string | undefined;
}

export interface LocalSource {
  /** Resolves when the mesh is in force. Rejects with every problem of the first text, and when the scope closes. */
  readonly ready: Promise<void>;
  status(): LocalStatus;
}

export function createLocalSource(scope: Scope, init: LocalSourceInit): LocalSource {
  const source = new Source(init);
  scope.own(() => source.stop());
  const ready = source.start();
  // Nobody has to wait for it.
  ready.catch(() => {});
  return { ready, status: () => source.status };
}

class Source {
  readonly #init: LocalSourceInit;
  #inForce: string | undefined;
  #refused: string | undefined;
  #resources: readonly ResourceModel[] = [];
  #readAt: number | undefined;
  #problem: string | undefined;
  #cancelPoll = () => {};
  #stopped = false;

  constructor(init: LocalSourceInit) {
    this.#init = init;
  }

  get status(): LocalStatus {
    const { name } = this.#init;
    return { name, readAt: this.#readAt, resources: this.#resources.length, problem: this.#problem };
  }

  async start(): Promise<void> {
    await this.#look();
    if (this.#stopped) throw new Error(`closed before ${this.#init.name} was read`);
    if (this.#problem !== undefined) throw new Error(this.#problem);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelPoll();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancelPoll = this.#init.clock.schedule(POLL_MS, () => {
      void this.#look().then(() => this.#schedule());
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { name, log } = this.#init;
    const before = this.#problem;
    try {
      const text = await this.#init.read();
      if (this.#stopped) return;
      // What is in force is there again, or never left.
      if (text === this.#inForce) this.#problem = undefined;
      if (text === this.#inForce || text === this.#refused) return;
      this.#refused = text;
      this.#apply(this.#meshOf(text));
      this.#inForce = text;
      this.#problem = undefined;
      log.info({ source: name, resources: this.#resources.length }, 'local mesh loaded');
    } catch (error) {
      this.#problem = `${name}: ${error instanceof Error ? error.message : String(error)}`;
      // One line per mistake, not one per look.
      if (this.#problem !== before)
        log.warn({ problem: this.#problem }, 'local mesh not loaded, the last good one stays');
    }
  }

  #meshOf(text: string): LocalMesh {
    if (text.length > MAX_TEXT_BYTES) throw new Error(`${text.length} characters are over ${MAX_TEXT_BYTES}`);
    const read = readLocalMesh(this.#init.parse(text));
    if (!read.ok) throw new Error(formatProblems(read.problems));
    return read.value;
  }

  #apply(mesh: LocalMesh): void {
    const { store, onSnapshot, clock } = this.#init;
    const upserts = resourcesOf(mesh);
    const names = new Set(upserts.map(nameOf));
    const removals = this.#resources.filter((each) => !names.has(nameOf(each))).map(removalOf);
    this.#resources = upserts;
    this.#readAt = clock.now();
    const batch = { upserts, removals };
    onSnapshot?.(store.apply(batch), batch);
  }
}

/** Unique within a store. */
function nameOf(resource: ResourceModel): string {
  const { type, name } = removalOf(resource);
  return `${type} ${name}`;
}

function removalOf({ kind, value }: ResourceModel): Removal {
  switch (kind) {
    case 'workload':
      return { type: 'address', name: value.uid };
    case 'service':
      return { type: 'address', name: value.key };
    case 'policy':
      return { type: 'authorization', name: value.key };
  }
}
