export { indexAddresses } from './address-index.js';
export { type ConnectionStatus, type Connections, createConnections } from './connections.js';
export { bindGrpc, GRPC_OPTIONS, type GrpcServerInit, listenGrpc, shutdownGrpc } from './grpc-server.js';
export type { Outgoing } from './responses.js';
export { createDiscoveryHandler, failStream, firstRequest, type XdsEvent } from './service.js';
export { createSession, type Received, type Session, type SessionInit } from './session.js';
export { type DeltaCall, serveStream } from './stream.js';
export { MAX_WANTED_NAMES, type SubscriptionStatus } from './subscription.js';
export { createViews, type Showing, showNext, type VersionedView, type Views } from './views.js';
