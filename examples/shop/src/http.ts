/** JSON over HTTP/1.1, both sides: a server from a table of routes, and a GET that fails with the upstream's name. */
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { listening, type RunningApp } from './app.js';
import type { Settings, Upstream } from './settings.js';

/** A body larger than this is a mistake of the caller. */
const MAX_ANSWER_BYTES = 1 << 20;
const CALL_TIMEOUT_MS = 5_000;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Takes the part of the path behind the route's prefix. */
export type Route = (rest: string) => Promise<Answer> | Answer;

/** Serves the longest prefix that matches; `GET /healthz` always answers. */
export async function serveJson(settings: Settings, routes: Readonly<Record<string, Route>>): Promise<RunningApp> {
  const prefixes = Object.keys(routes).sort((a, b) => b.length - a.length);
  const server = createServer((incoming, outgoing) => {
    void answer(incoming).then(({ status, body }) => {
      const text = `${JSON.stringify({ ...(body as object), servedBy: settings.servedBy })}\n`;
      outgoing.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      outgoing.end(text);
    });
  });

  async function answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET') return { status: 405, body: { error: `${method} is not served, only GET` } };
    if (url === '/healthz') return { status: 200, body: {} };
    const prefix = prefixes.find((candidate) =>
      candidate.endsWith('/') ? url.startsWith(candidate) : url === candidate,
    );
    const route = prefix === undefined ? undefined : routes[prefix];
    if (prefix === undefined || !route) return { status: 404, body: { error: `nothing at ${url}` } };
    try {
      return await route(decodeURIComponent(url.slice(prefix.length)));
    } catch (error) {
      return { status: 502, body: { error: messageOf(error) } };
    }
  }

  await listening(server, settings.listen);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 32, timeout: 30_000 });

/** Resolves with the parsed body of a 2xx answer; anything else is an error that names the upstream. */
export function getJson({ name, dial }: Upstream, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`${name}${path}: ${reason}`));
    const call = request(
      { agent, host: dial.host, port: dial.port, path, headers: { host: name }, timeout: CALL_TIMEOUT_MS },
      (response) => {
        const pieces: Buffer[] = [];
        let size = 0;
        response.on('data', (piece: Buffer) => {
          size += piece.length;
          if (size > MAX_ANSWER_BYTES) call.destroy(new Error(`the answer exceeds ${MAX_ANSWER_BYTES} bytes`));
          else pieces.push(piece);
        });
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          const text = Buffer.concat(pieces).toString();
          const status = response.statusCode ?? 0;
          if (status < 200 || status > 299) return fail(`status ${status}: ${text.trim()}`);
          try {
            resolve(JSON.parse(text));
          } catch {
            fail(`the answer is not JSON: ${text.slice(0, 80)}`);
          }
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)));
    call.on('error', (error) => fail(error.message));
    call.end();
  });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
