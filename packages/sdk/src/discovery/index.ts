export {
  createDiscoveryClient,
  type DiscoveryClient,
  type DiscoveryClientInit,
  type DiscoveryObserver,
  type DiscoveryStatus,
  type TypeStatus,
} from './client.js';
export { decodeAuthorization } from './decode/authorization.js';
export { type Decoded, formatProblems, type Problem } from './decode/problems.js';
export { decodeAddress, decodeResource } from './decode/resource.js';
export { decodeService } from './decode/service.js';
export {
  DEFAULT_CLUSTER_ID,
  DEFAULT_SERVICE_ACCOUNT,
  DEFAULT_TRUST_DOMAIN,
  decodeWorkload,
} from './decode/workload.js';
export {
  createDeltaSession,
  type DeltaSession,
  type Received,
  type Refusal,
  type SubscriptionMode,
  type SubscriptionState,
} from './delta-session.js';
export type { StreamEnd, TerminationReason } from './delta-stream.js';
export { encodeAuthorization } from './encode/authorization.js';
export { encodeService } from './encode/service.js';
export { encodeWorkload } from './encode/workload.js';
export type { LinkState } from './link.js';
export { type LocalMesh, readLocalMesh, resourcesOf } from './local/mesh.js';
export { createLocalSource, type LocalSource, type LocalSourceInit, type LocalStatus } from './local/source.js';
export type * from './model.js';
export { NO_MATCH } from './no-match.js';
export { type ProxyNodeInit, proxyNode } from './node.js';
export { type Batch, createStore, type Removal, type Store } from './store.js';
