/**
 * What the metrics of a lab must show after traffic in both directions: one row per reporter on each path that crosses
 * the networks. A path is seen when a series with these labels counts at least one request or connection.
 */
import { OPENED, REQUESTS } from './series.js';

export interface ExpectedSeries {
  readonly path: string;
  readonly proxy: string;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Reporter = 'source' | 'waypoint' | 'destination';
type Protocol = 'http' | 'grpc' | 'tcp';

/** Ends are written `workload@cluster`. */
type Row = readonly [proxy: string, reporter: Reporter, protocol: Protocol, from: string, to: string, service: string];

const PATHS: Readonly<Record<string, readonly Row[]>> = {
  'HTTP, east to west, waypoint of the caller': [
    ['east/ztunnel', 'source', 'tcp', 'storefront-v1@east', 'waypoint@east', 'reviews'],
    ['east/waypoint', 'waypoint', 'http', 'storefront-v1@east', 'reviews-v2@west', 'reviews'],
    ['west/ztunnel', 'destination', 'tcp', 'waypoint@east', 'reviews-v2@west', 'reviews'],
  ],
  'HTTP, west to east, waypoint of the caller': [
    ['west/ztunnel', 'source', 'tcp', 'storefront-v2@west', 'waypoint@west', 'reviews'],
    ['west/waypoint', 'waypoint', 'http', 'storefront-v2@west', 'reviews-v1@east', 'reviews'],
    ['east/ztunnel', 'destination', 'tcp', 'waypoint@west', 'reviews-v1@east', 'reviews'],
  ],
  'HTTP, east to west, waypoint of the far side': [
    ['east/ztunnel', 'source', 'tcp', 'reviews-v1@east', 'ratings-waypoint@west', 'ratings'],
    ['west/ratings-waypoint', 'waypoint', 'http', 'reviews-v1@east', 'ratings-v1@west', 'ratings'],
    ['west/ztunnel', 'destination', 'tcp', 'ratings-waypoint@west', 'ratings-v1@west', 'ratings'],
  ],
  'gRPC, east to west, waypoint of the caller': [
    ['east/ztunnel', 'source', 'tcp', 'storefront-v1@east', 'waypoint@east', 'recommendations'],
    ['east/waypoint', 'waypoint', 'grpc', 'storefront-v1@east', 'recommendations-v1@west', 'recommendations'],
    ['west/ztunnel', 'destination', 'tcp', 'waypoint@east', 'recommendations-v1@west', 'recommendations'],
  ],
  'TCP, east to west, no waypoint': [
    ['east/ztunnel', 'source', 'tcp', 'storefront-v1@east', 'ledger-v1@west', 'ledger'],
    ['west/ztunnel', 'destination', 'tcp', 'storefront-v1@east', 'ledger-v1@west', 'ledger'],
  ],
};

export const EXPECTED: readonly ExpectedSeries[] = Object.entries(PATHS).flatMap(([path, rows]) =>
  rows.map(([proxy, reporter, protocol, from, to, service]) => ({
    path,
    proxy,
    metric: reporter === 'waypoint' ? REQUESTS : OPENED,
    labels: {
      reporter,
      ...end('source', from),
      ...end('destination', to),
      destination_service_name: service,
      request_protocol: protocol,
      response_flags: '-',
      ...(reporter === 'waypoint' ? { response_code: '200' } : {}),
      connection_security_policy: 'mutual_tls',
    },
  })),
);

function end(which: 'source' | 'destination', text: string): Record<string, string> {
  const [workload = '', cluster = ''] = text.split('@');
  return { [`${which}_workload`]: workload, [`${which}_cluster`]: cluster };
}
