/** Executing plans: what routing decided becomes a connection that carries bytes. */
export { type Answered, answeredDestination, plannedDestination } from './destination.js';
export { type DialTcpInit, dialTcp } from './dial-tcp.js';
export {
  createGatewayHealth,
  type GatewayHealth,
  type GatewayHealthInit,
  type GatewayStatus,
  type Probe,
} from './gateway-health.js';
export { createOriginate, type OriginateInit } from './originate.js';
export { createSourceAddresses } from './source-address.js';
export type { Originate, Originated, OriginateRequest } from './types.js';
