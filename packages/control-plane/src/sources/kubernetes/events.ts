/** What lists and watches of an API server carry, read. Pure. What is not as it should be is an ApiFailure. */
import { ApiFailure } from './failure.js';

export interface ListPage {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly next: string;
}

export type WatchEvent =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      readonly object: unknown;
      readonly resourceVersion: string | undefined;
    }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string | undefined };

interface Meta {
  readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown } | null;
}

/** `what`: `list pods`. */
export function readPage(value: unknown, what: string): ListPage {
  const { metadata, items } = (value ?? {}) as Meta & { readonly items?: unknown };
  const { resourceVersion, continue: next } = metadata ?? {};
  if (typeof resourceVersion !== 'string' || !(Array.isArray(items) || items === null || items === undefined))
    throw new ApiFailure('malformed', `the answer to ${what} is no list of Kubernetes objects; is this an API server?`);
  return { items: items ?? [], resourceVersion, next: typeof next === 'string' ? next : '' };
}

/** `what`: `watch pods`. Throws what an ERROR event stands for. */
export function readEvent(line: string, what: string): WatchEvent {
  const { type, object } = parse(line, what);
  const resourceVersion = versionOf(object);
  if (type === 'BOOKMARK') return { type, resourceVersion };
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object, resourceVersion };
  if (type !== 'ERROR')
    throw new ApiFailure('malformed', `an event of ${what} is of type ${JSON.stringify(type)}; it is listed anew`);
  const { code, message } = (object ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const said = `${String(code)}: ${String(message)}`;
  if (code === 410) throw new ApiFailure('gone', `cannot ${what} from where we were (${said})`);
  throw new ApiFailure('malformed', `${what} ended with an error (${said}); it is listed anew`);
}

function parse(line: string, what: string): { readonly type?: unknown; readonly object?: unknown } {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below. The parser's message quotes the text, which may be a Secret.
  }
  throw new ApiFailure('malformed', `a line of ${what} is no JSON object; it is listed anew`);
}

function versionOf(object: unknown): string | undefined {
  const version = (object as Meta | null | undefined)?.metadata?.resourceVersion;
  return typeof version === 'string' && version !== '' ? version : undefined;
}
