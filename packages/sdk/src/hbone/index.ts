/** HBONE: client, pool, nested tunnels, server, and the pump between tunnels and sockets. */
export { type DialInit, dialHbone, type HboneClientConnection, type NamedTransport } from './client/client.js';
export type { PoolHop } from './client/hop.js';
export {
  connectNested,
  LocatedFault,
  type NestedInit,
  type OuterTunnels,
  type PooledNestedInit,
} from './client/nested.js';
export { createHbonePool, type HbonePool, type HbonePoolInit } from './client/pool.js';
export { type ConnectionView, choose, lifeOf } from './client/pool-policy.js';
export { createMeshCodec, type MeshCodecInit, meshCodec, REGISTERED_HEADERS } from './codec.js';
export type { ConnectionEnd } from './engine/connection.js';
export { ErrorCode, errorCodeName } from './engine/error-code.js';
export { type Channel, channelOf } from './io/channel.js';
export { createTunnelDuplex } from './io/duplex.js';
export { type ByteObserver, type PumpEnd, type PumpSide, pump } from './io/pump.js';
export { ABUSE_BUDGETS, type Budget, type BudgetName, type Limits } from './limits.js';
export {
  createHboneServer,
  type EarlyError,
  type HboneServer,
  type HboneServerInit,
  type TransportFacts,
} from './server/server.js';
export { DEFAULT_SETTINGS, type HboneSettings, resolveSettings, SETTING_ROWS } from './settings.js';
export type {
  ConnectRequest,
  HeaderField,
  HopAddress,
  IncomingConnect,
  IncomingConnection,
  ReceivedHeaders,
  StreamEnd,
  Tunnel,
  TunnelStream,
  TunnelStreamHandlers,
} from './types.js';
