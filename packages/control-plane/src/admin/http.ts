/** A small HTTP server for probes and people: GET only, exact paths, nothing that changes anything. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scope } from '@isthmus/sdk/runtime';
import { cannotListen, type Listening } from '../listening.js';

export interface Page {
  readonly status: number;
  readonly type: 'text/plain; charset=utf-8' | 'application/json' | 'text/plain; version=0.0.4; charset=utf-8';
  readonly body: string;
}

export type Routes = Readonly<Record<string, (query: URLSearchParams) => Page | Promise<Page>>>;

/** Resolves with the port once it listens; rejects when it cannot. */
export async function listenHttp(scope: Scope, at: Listening, routes: Routes): Promise<number> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    answer(routes, request, response).catch(() => response.destroy());
  });
  server.maxConnections = 64;
  scope.own(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(at, error)));
    server.listen(at.port, at.host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

export function textPage(body: string, status = 200): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

export function jsonPage(value: unknown, status = 200): Page {
  return { status, type: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` };
}

async function answer(routes: Routes, { method, url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
  const page = await pageOf(route && (() => route(searchParams)), method, Object.keys(routes));
  response.writeHead(page.status, { 'content-type': page.type });
  response.end(method === 'HEAD' ? undefined : page.body);
}

async function pageOf(
  route: (() => Page | Promise<Page>) | undefined,
  method: string | undefined,
  paths: readonly string[],
): Promise<Page> {
  if (!route) return textPage(`no such page; there are ${paths.join(', ')}`, 404);
  return method === 'GET' || method === 'HEAD' ? route() : textPage('GET only', 405);
}
