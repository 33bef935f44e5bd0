/** Ports of the mesh; the same thing has the same number as in Istio. */
export const PORT = {
  admin: 15000,
  outbound: 15001,
  plaintextInbound: 15006,
  hbone: 15008,
  xds: 15012,
  metrics: 15020,
  readiness: 15021,
  socks5: 15080,
} as const;

/** Ports an application may not be reached on: a call to them would be a call to the proxy itself (ztunnel's set). */
export const ILLEGAL_PORTS: ReadonlySet<number> = new Set([
  PORT.hbone,
  PORT.plaintextInbound,
  PORT.outbound,
  PORT.socks5,
]);
