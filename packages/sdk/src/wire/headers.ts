/** Header names on the wire between proxies, all lower case (RFC 9113 section 8.2.1). */
export const HEADER = {
  authority: ':authority',
  method: ':method',
  status: ':status',
  /** Who speaks: on a CONNECT the source workload, on its 200 the workload that served. */
  baggage: 'baggage',
  /** `for="<client ip:port>";host=<service hostname>`; telemetry only, never routing or policy. */
  forwarded: 'forwarded',
  /** W3C trace context of the user's connection. */
  traceparent: 'traceparent',
  /** On the inner CONNECT only: the network of the sender. */
  forwardedNetwork: 'x-forwarded-network',
  /** On the outer CONNECT only: `waypoint` or `gateway`; believed only from an identity that is one. */
  source: 'x-istio-source',
} as const;
export type HeaderName = (typeof HEADER)[keyof typeof HEADER];
