/**
 * Revocation lists from a file (`CRL_PATH`), read again when the file changes: whoever asked about a chain that is still
 * in use is told when a new list revokes it.
 *
 * A file that is missing or cannot be read at the start means no lists and a warning, as in ztunnel; later it means that
 * the lists read last stay in force. Looked at every `POLL_MS`: volumes of Kubernetes swap links, and not every file
 * system tells of changes. Bound: `MAX_FILE_BYTES`; one entry per connection that watches.
 */
import type { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type Clock, realClock } from '../runtime/clock.js';
import { type Logger, silentLogger } from '../runtime/log.js';
import type { Scope } from '../runtime/scope.js';
import { findRevoked, parseRevocationLists, type RevocationList, type Revocations } from './revocation.js';

export interface RevocationFileInit {
  readonly path: string;
  readonly clock?: Clock;
  readonly log?: Logger;
}

/** As long as ztunnel waits for a change to settle. */
const POLL_MS = 2_000;
const MAX_FILE_BYTES = 33_554_432;

interface Watch {
  readonly chain: readonly X509Certificate[];
  readonly onRevoked: (reason: string) => void;
}

/** Reads the file at once and until the scope closes; who asks before it has been read waits for that. */
export function watchRevocationFile(scope: Scope, init: RevocationFileInit): Revocations {
  const file = new RevocationFile({ clock: realClock, log: silentLogger, ...init });
  scope.own(() => file.stop());
  return file;
}

class RevocationFile implements Revocations {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watches = new Set<Watch>();
  #lists: readonly RevocationList[] = [];
  /** Of the file as it was read last; "" when it was not there. */
  #version: string | undefined;
  #cancelPoll = () => {};
  #isStopped = false;
  readonly #firstLook: Promise<void>;

  constructor({ path, clock, log }: Required<RevocationFileInit>) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#firstLook = this.#poll();
  }

  async check(chain: readonly X509Certificate[]): Promise<string | undefined> {
    await this.#firstLook;
    return findRevoked(this.#lists, chain);
  }

  watch(chain: readonly X509Certificate[], onRevoked: (reason: string) => void): () => void {
    const watch = { chain, onRevoked };
    this.#watches.add(watch);
    return () => this.#watches.delete(watch);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelPoll();
  }

  async #poll(): Promise<void> {
    await this.#look();
    if (!this.#isStopped) this.#cancelPoll = this.#clock.schedule(POLL_MS, () => void this.#poll());
  }

  async #look(): Promise<void> {
    const path = this.#path;
    try {
      const version = await versionOf(path);
      if (version === this.#version) return;
      // Before reading: a file that cannot be read is not read again until it has changed.
      this.#version = version;
      this.#lists = parseRevocationLists(await readFile(path));
      const entries = this.#lists.reduce((sum, list) => sum + list.entries, 0);
      this.#log.info({ path, lists: this.#lists.length, entries }, 'revocation lists loaded');
    } catch (error) {
      this.#warn(error);
      return;
    }
    await this.#checkWatched();
  }

  #warn(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isMissing && this.#version === '') return;
    if (isMissing) this.#version = '';
    this.#log.warn({ path: this.#path, reason, lists: this.#lists.length }, 'revocation lists not loaded');
  }

  async #checkWatched(): Promise<void> {
    for (const watch of [...this.#watches]) {
      const reason = await findRevoked(this.#lists, watch.chain);
      if (reason !== undefined && this.#watches.delete(watch)) watch.onRevoked(reason);
    }
  }
}

async function versionOf(path: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes are over ${MAX_FILE_BYTES}`);
  return `${ino} ${size} ${mtimeMs}`;
}
