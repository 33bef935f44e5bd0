/**
 * The admin pages, on loopback only: what the proxy knows, its log level, and how to stop it. A page in the operator's
 * browser must not reach them either, so requests that a browser makes for another site, or under a name that is not
 * loopback (DNS rebinding), are refused. No key, no token.
 */
import type { IncomingMessage } from 'node:http';
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import type { CertificateStatus } from '@isthmus/sdk/identity';
import { LOG_LEVELS, type LogLevel } from '@isthmus/sdk/runtime';
import { dumpCertificate } from './dump-certificates.js';
import { dumpPolicy, dumpService, dumpWorkload } from './dump-resources.js';
import type { Answer, Route } from './http.js';

export interface AdminSources {
  /** Name, version, role: who answers. */
  readonly version: Readonly<Record<string, string>>;
  /** Effective settings without secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  snapshot(): Snapshot;
  certificates(): readonly CertificateStatus[];
  /** State of the discovery stream, as plain data. */
  discovery(): unknown;
  running(): { readonly localWorkloads: readonly Workload[]; readonly openConnections: number };
  /** Worker processes, as plain data; undefined where there are none. */
  workers(): unknown;
  readonly logLevel: { get(): LogLevel; set(level: LogLevel): void; readonly initial: LogLevel };
  /** Readiness off and nothing new is accepted; the process stays. */
  drain(): void;
  /** Drain, then exit. */
  quit(): void;
}

export function adminRoutes(sources: AdminSources): readonly Route[] {
  const routes: readonly Route[] = [
    { method: 'GET', path: '/', summary: 'this page', handle: () => ({ status: 200, body: index(routes) }) },
    {
      method: 'GET',
      path: '/config_dump',
      summary: 'workloads, services, policies, certificates, settings',
      handle: () => ({
        status: 200,
        body: `${JSON.stringify(dump(sources), null, 2)}\n`,
        contentType: 'application/json',
      }),
    },
    {
      method: 'POST',
      path: '/logging',
      summary: 'log level: ?level=debug, ?reset, or nothing to ask',
      handle: (query) => logging(sources.logLevel, query),
    },
    {
      method: 'POST',
      path: '/drain',
      summary: 'stop accepting and become unready, without exiting',
      handle() {
        sources.drain();
        return { status: 200, body: 'draining\n' };
      },
    },
    {
      method: 'POST',
      path: '/quitquitquit',
      summary: 'drain, then exit',
      handle() {
        sources.quit();
        return { status: 200, body: 'shutdown now\n' };
      },
    },
  ];
  return routes;
}

function index(routes: readonly Route[]): string {
  return routes.map(({ method, path, summary }) => `${method.padEnd(5)}${path.padEnd(16)}${summary}\n`).join('');
}

function dump(sources: AdminSources): Record<string, unknown> {
  const snapshot = sources.snapshot();
  const { localWorkloads, openConnections } = sources.running();
  const by = (key: string) => (a: Record<string, unknown>, b: Record<string, unknown>) =>
    String(a[key]) < String(b[key]) ? -1 : 1;
  return {
    version: sources.version,
    config: sources.config,
    discovery: sources.discovery(),
    localWorkloads: localWorkloads.map(({ uid }) => uid).sort(),
    openConnections,
    workers: sources.workers(),
    certificates: sources.certificates().map(dumpCertificate).sort(by('identity')),
    workloads: [...snapshot.workloads()].map(dumpWorkload).sort(by('uid')),
    services: [...snapshot.services()].map((service) => dumpService(service, snapshot)).sort(by('hostname')),
    policies: [...snapshot.policies()].map(dumpPolicy).sort(by('name')),
  };
}

function logging(level: AdminSources['logLevel'], query: URLSearchParams): Answer {
  const asked = query.has('reset') ? level.initial : query.get('level');
  if (asked !== null) {
    const known = LOG_LEVELS.find((each) => each === asked);
    if (!known) return { status: 400, body: `unknown level; one of ${LOG_LEVELS.join(', ')}\n` };
    level.set(known);
  }
  return { status: 200, body: `current log level is ${level.get()}\n` };
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** For `HttpInit.guard`. */
export function loopbackOnly({ headers }: IncomingMessage): string | undefined {
  if (!LOOPBACK_HOST.test(headers.host ?? '')) return 'admin is served under loopback names only';
  if (headers.origin !== undefined) return 'admin is not for web pages';
  return undefined;
}
