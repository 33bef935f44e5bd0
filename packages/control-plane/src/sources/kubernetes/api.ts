/**
 * Requests to one API server over HTTPS, which answer 2xx or reject with an ApiFailure. HTTP/1.1, a connection per
 * request: watches occupy one each anyway, and the others are few.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '@isthmus/sdk/runtime';
import { type Access, type Connection, createConnector } from './access.js';
import { ApiFailure, type Asked, failureOfConnection, failureOfStatus } from './failure.js';

export interface ApiRequest {
  /** Path and query. */
  readonly path: string;
  /** `list pods`, for messages. */
  readonly what: string;
  /** The RBAC rule that permits it, for messages: see `ruleFor`. */
  readonly rule: string;
  readonly signal?: AbortSignal;
  /** Time to the answer's headers. Default ANSWER_MS. */
  readonly answerMs?: number;
  /** Default GET, without a body. */
  readonly send?: {
    readonly method: 'POST' | 'PUT' | 'PATCH';
    readonly type: 'application/json' | 'application/apply-patch+yaml';
    readonly body: unknown;
  };
}

export interface KubernetesApi {
  /** Once it was reached for. */
  readonly server: string | undefined;
  /** Where the credentials are, for messages. */
  readonly origin: string;
  /** Resolves when the answer begins. */
  open(request: ApiRequest): Promise<IncomingMessage>;
  /** The whole answer, as JSON. */
  ask(request: ApiRequest): Promise<unknown>;
}

/** Time to an answer's headers, and between two parts of a list. */
const ANSWER_MS = 30_000;
/** A page of 500 objects of etcd's largest size is more; nobody has that. Without pages, some 50,000 Pods. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** A peer that vanished without a word is found out after this and ten probes, one a second. */
const KEEP_ALIVE_MS = 15_000;
const MAX_RETRY_AFTER_MS = 60_000;

export function createApi(access: Access, clock: Clock): KubernetesApi {
  const connector = createConnector(access);
  let server: string | undefined;

  async function open(request: ApiRequest): Promise<IncomingMessage> {
    const connection = await connector.connect();
    server = connection.server;
    const asked = askedOf(connection, connector.origin, request, clock.now());
    const response = await send(connection, request, clock).catch((error: Error) => {
      throw failureOfConnection(error, asked);
    });
    const { statusCode = 0, headers } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    if (statusCode === 401) connector.forget();
    const text = await readText(response, MAX_ERROR_BYTES, clock).catch(() => '');
    const retryAfterMs = Math.min(Number(headers['retry-after'] ?? 0) * 1000 || 0, MAX_RETRY_AFTER_MS);
    throw failureOfStatus(statusCode, messageOf(text), asked, retryAfterMs);
  }

  return {
    get server() {
      return server;
    },
    origin: connector.origin,
    open,
    async ask(request) {
      const response = await open(request);
      const where = `what ${server} answers to ${request.what}`;
      const text = await readText(response, MAX_LIST_BYTES, clock).catch((error: Error) => {
        throw new ApiFailure('unreachable', `${where} ends in the middle (${error.message}); it is asked again`);
      });
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new ApiFailure('malformed', `${where} is no JSON; check that the address is that of an API server`);
      }
    },
  };
}

function askedOf({ server, options }: Connection, origin: string, { what, rule }: ApiRequest, now: number): Asked {
  const header = (options.headers as Record<string, unknown> | undefined)?.Authorization;
  return { server, origin, what, rule, authorization: typeof header === 'string' ? header : undefined, now };
}

function send(
  { server, options }: Connection,
  { path, signal, answerMs = ANSWER_MS, send: sent }: ApiRequest,
  clock: Clock,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(`${server}${path}`);
    const request = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, {
      ...options,
      method: sent?.method ?? 'GET',
      ...(signal && { signal }),
      headers: { ...options.headers, accept: 'application/json', ...(sent && { 'content-type': sent.type }) },
    });
    const cancel = clock.schedule(answerMs, () => request.destroy(new Error(`no answer within ${answerMs} ms`)));
    request.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    request.once('response', (response) => {
      cancel();
      resolve(response);
    });
    request.once('close', cancel);
    // Stays on: an aborted request says so once more after its answer began.
    request.on('error', reject);
    request.end(sent && JSON.stringify(sent.body));
  });
}

async function readText(response: IncomingMessage, maxBytes: number, clock: Clock): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stalled = () => response.destroy(new Error(`nothing came for ${ANSWER_MS} ms`));
  let cancel = clock.schedule(ANSWER_MS, stalled);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      cancel();
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
      chunks.push(chunk);
      cancel = clock.schedule(ANSWER_MS, stalled);
    }
  } finally {
    cancel();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Of a Status object its message; of anything else the first line. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Plain text, as from a proxy on the way.
  }
  return text.split('\n', 1)[0]?.slice(0, 200) ?? '';
}
