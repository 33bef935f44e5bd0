/**
 * The admin pages, on loopback only: what the proxy knows, its log level, and how to stop it. A page in the operator's
 * browser must not reach them either, so requests that a browser makes for another site, or under a name that is not
 * loopback (DNS rebinding), are refused. No key, no token.
 */
import type { IncomingMessage } from 'node:http';
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import type { CertificateStatus } from '@isthmus/sdk/identity';
import { LOG_LEVELS } from '@isthmus/sdk/runtime';
import { formatLevels, type LogLevels, withLevels } from '../telemetry/log-levels.js';
import { type DiagnosticsOf, diagnosticsRoutes } from './diagnostics-routes.js';
import { dumpCertificate } from './dump-certificates.js';
import { type ConnectionDump, dumpWorkloadState } from './dump-connections.js';
import { dumpPolicy, dumpService, dumpWorkload } from './dump-resources.js';
import { type ExplainSources, explainRoute } from './explain/route.js';
import type { Answer, Route } from './http.js';

export interface AdminSources extends ExplainSources {
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
  /** Those under way, of all processes. */
  connections(): Promise<readonly ConnectionDump[]>;
  readonly logLevels: { get(): LogLevels; set(levels: LogLevels): void; readonly initial: LogLevels };
  readonly diagnosticsOf: DiagnosticsOf;
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
      handle: async () => json(await dump(sources)),
    },
    {
      method: 'GET',
      path: '/connections',
      summary: 'connections under way, with their bytes so far',
      handle: async () => json(await sources.connections()),
    },
    {
      method: 'GET',
      path: '/certificates',
      summary: 'certificates held, with their state; never a key',
      handle: () => json(certificatesOf(sources)),
    },
    {
      method: 'GET',
      path: '/logging',
      summary: 'log levels in effect',
      handle: () => ({ status: 200, body: currentLevels(sources) }),
    },
    {
      method: 'POST',
      path: '/logging',
      summary: 'sets them: ?level=debug, ?level=info,xds:debug or ?reset',
      handle: (query) => logging(sources, query),
    },
    explainRoute(sources),
    ...diagnosticsRoutes(sources.diagnosticsOf),
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
  return routes.map(({ method, path, summary }) => `${method.padEnd(5)}${path.padEnd(22)}${summary}\n`).join('');
}

function json(value: unknown): Answer {
  return { status: 200, body: `${JSON.stringify(value, null, 2)}\n`, contentType: 'application/json' };
}

const by = (key: string) => (a: Record<string, unknown>, b: Record<string, unknown>) =>
  String(a[key]) < String(b[key]) ? -1 : 1;

function certificatesOf(sources: AdminSources): readonly Record<string, unknown>[] {
  return sources.certificates().map(dumpCertificate).sort(by('identity'));
}

async function dump(sources: AdminSources): Promise<Record<string, unknown>> {
  const [connections, gatewaysOutOfService] = await Promise.all([
    sources.connections(),
    sources.gatewaysOutOfService(),
  ]);
  const snapshot = sources.snapshot();
  const { localWorkloads, openConnections } = sources.running();
  return {
    version: sources.version,
    config: sources.config,
    discovery: sources.discovery(),
    localWorkloads: localWorkloads.map(({ uid }) => uid).sort(),
    openConnections,
    workers: sources.workers(),
    gatewaysOutOfService,
    certificates: certificatesOf(sources),
    workloads: [...snapshot.workloads()].map(dumpWorkload).sort(by('uid')),
    services: [...snapshot.services()].map((service) => dumpService(service, snapshot)).sort(by('hostname')),
    policies: [...snapshot.policies()].map(dumpPolicy).sort(by('name')),
    workloadState: dumpWorkloadState(localWorkloads, connections),
  };
}

function currentLevels({ logLevels }: AdminSources): string {
  return `current log level is ${formatLevels(logLevels.get())}\n`;
}

function logging(sources: AdminSources, query: URLSearchParams): Answer {
  const { logLevels } = sources;
  const asked = query.get('level');
  const levels = query.has('reset')
    ? logLevels.initial
    : asked === null
      ? undefined
      : withLevels(logLevels.get(), asked);
  if (levels) logLevels.set(levels);
  else if (asked !== null) {
    const usage = `?level=<level>, ?level=<scope>:<level>,... or ?reset; levels are ${LOG_LEVELS.join(', ')}\n`;
    return { status: 400, body: usage };
  }
  return { status: 200, body: currentLevels(sources) };
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** For `HttpInit.guard`. */
export function loopbackOnly({ headers }: IncomingMessage): string | undefined {
  if (!LOOPBACK_HOST.test(headers.host ?? '')) return 'admin is served under loopback names only';
  if (headers.origin !== undefined) return 'admin is not for web pages';
  // What a page embeds from another site comes without an origin, but every browser says where it comes from.
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none' && site !== 'same-origin') return 'admin is not for web pages';
  return undefined;
}
