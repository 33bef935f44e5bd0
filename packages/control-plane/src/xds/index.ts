export { type ConnectionStatus, type Connections, createConnections } from './connections.js';
export { createDiscoveryHandler, type XdsEvent } from './service.js';
export { createSession, type Outgoing, type Received, type Session, type SessionInit } from './session.js';
export type { SubscriptionStatus } from './subscription.js';
export { createViews, type VersionedView, type Views } from './views.js';
