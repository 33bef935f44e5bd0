/** What every relay of the benchmark offers, and what all of them put on a CONNECT, so that they do equal work. */
import type { HeaderField } from '@isthmus/sdk/hbone';
import type { RelayInit } from '../contract.js';

export interface Relay {
  /** Takes TCP from applications; resolves with a port for each route. */
  client(init: RelayInit): Promise<readonly number[]>;
  /** Takes what `client` sends and dials applications; resolves with the port to use for each route. */
  server(init: RelayInit): Promise<readonly number[]>;
}

/** What ztunnel sends about a workload; the length is typical. */
export const BAGGAGE =
  'k8s.cluster.name=Kubernetes,k8s.namespace.name=bookinfo,k8s.deployment.name=productpage-v1,service.name=productpage,' +
  'service.version=v1,cloud.region=us-central1,cloud.availability_zone=us-central1-b';

export const REQUEST_HEADERS = [
  ['baggage', BAGGAGE],
  ['forwarded', 'for="127.0.0.1:40000";host=reviews.bookinfo.svc.cluster.local'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
] as const;

export const RESPONSE_HEADERS = [['baggage', BAGGAGE]] as const;

/** With the baggage as bytes that are kept, as the proxy's roles have those of each workload. */
export function withKeptBaggage(fields: readonly (readonly [name: string, value: string])[]): readonly HeaderField[] {
  return fields.map(([name, value]) => [name, name === 'baggage' ? Buffer.from(value) : value]);
}

/** `127.0.0.1:8080` to the port of the route to it; undefined for an application nobody announced. */
export function routeOf(routes: RelayInit['routes'], authority: string | undefined): number | undefined {
  const port = Number(authority?.slice(authority.lastIndexOf(':') + 1));
  return routes.find(({ target }) => target === port)?.via;
}
