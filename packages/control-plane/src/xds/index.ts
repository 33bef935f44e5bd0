export { type ConnectionStatus, type Connections, createConnections } from './connections.js';
export { type GrpcServerInit, listenGrpc } from './grpc-server.js';
export type { Outgoing } from './responses.js';
export { createDiscoveryHandler, type XdsEvent } from './service.js';
export { createSession, type Received, type Session, type SessionInit } from './session.js';
export { MAX_WANTED_NAMES, type SubscriptionStatus } from './subscription.js';
export { createViews, type VersionedView, type Views } from './views.js';
