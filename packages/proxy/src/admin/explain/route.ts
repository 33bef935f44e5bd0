/**
 * `GET /explain?from=namespace/pod&to=host:port`: what a connection of that workload would do now, by what this proxy
 * knows. Asks routing, and says which gateways this proxy's connections have found out of service.
 */
import type { Snapshot, Workload } from '@isthmus/sdk/discovery';
import type { GatewayStatus } from '@isthmus/sdk/originate';
import { type Explanation, explainOutbound, parseAuthority } from '@isthmus/sdk/routing';
import type { Answer, Route } from '../http.js';

/** Connections found it out; each worker process keeps its own account. */
export interface GatewayOutOfService extends GatewayStatus {
  /** The worker's number, where there are any. */
  readonly worker?: number;
}

export interface ExplainSources {
  snapshot(): Snapshot;
  running(): { readonly localWorkloads: readonly Workload[] };
  /** Effective settings; only the network is read. */
  readonly config: Readonly<Record<string, unknown>>;
  gatewaysOutOfService(): Promise<readonly GatewayOutOfService[]>;
  /** In [0, 1); draws as a connection would. */
  readonly random?: () => number;
}

/** What the page says; what `isthmus-proxy explain` prints. */
export interface ExplainReport extends Explanation {
  /** Whether the connections of `from` go through this very proxy. */
  readonly local: boolean;
  /** Gateways that this proxy's connections found out of service: ejected ones are tried last. */
  readonly gatewaysOutOfService: readonly GatewayOutOfService[];
}

/** Of the proxy's workloads, for who asked for one that is not known. */
const MOST_NAMED = 5;

export function explainRoute(sources: ExplainSources): Route {
  return {
    method: 'GET',
    path: '/explain',
    summary: 'where a connection would go, and why: ?from=namespace/pod&to=host:port',
    handle: (query) => explain(query, sources),
  };
}

async function explain(query: URLSearchParams, sources: ExplainSources): Promise<Answer> {
  const reading = parseAuthority(query.get('to') ?? undefined);
  if (!reading.ok) return refused(400, `to: ${reading.reason}; expected host:port`);
  const [namespace, name, ...more] = (query.get('from') ?? '').split('/');
  if (!namespace || !name || more.length > 0) return refused(400, 'from: expected namespace/pod');
  const network = String(sources.config.network ?? '');
  const { localWorkloads } = sources.running();
  const known = named([...localWorkloads, ...sources.snapshot().workloads()], { namespace, name, network });
  if (!known) {
    const nobody = `no workload ${namespace}/${name} is known here on network ${JSON.stringify(network)}`;
    return refused(404, `${nobody}; this proxy stands for ${names(localWorkloads)}`);
  }
  const { random = Math.random } = sources;
  const explanation = explainOutbound(sources.snapshot(), {
    source: known,
    network,
    target: reading.authority,
    random,
  });
  const report: ExplainReport = {
    ...explanation,
    local: localWorkloads.some(({ uid }) => uid === known.uid),
    gatewaysOutOfService: await sources.gatewaysOutOfService(),
  };
  return { status: 200, body: `${JSON.stringify(report, null, 2)}\n`, contentType: 'application/json' };
}

/** The first wins: local ones come first, because pods of several clusters may share a name. */
function named(
  workloads: readonly Workload[],
  { namespace, name, network }: Pick<Workload, 'namespace' | 'name' | 'network'>,
): Workload | undefined {
  return workloads.find((each) => each.namespace === namespace && each.name === name && each.network === network);
}

function names(workloads: readonly Workload[]): string {
  const named = workloads.slice(0, MOST_NAMED).map(({ namespace, name }) => `${namespace}/${name}`);
  const rest = workloads.length - named.length;
  return [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ') || 'none';
}

function refused(status: 400 | 404, reason: string): Answer {
  return { status, body: `${reason}\n` };
}
