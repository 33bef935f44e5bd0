/**
 * What a program in the mesh is built from: an identity, a view of the mesh, a plan for a connection, a tunnel. The rest
 * (codecs, generated messages, the pieces of a role) is under the subpaths named in package.json.
 */
export {
  createMeshClient,
  type MeshClient,
  type MeshClientInit,
  type MeshConnection,
  type MeshTarget,
} from './client.js';
export {
  type Authorization,
  createDiscoveryClient,
  createStore,
  type DiscoveryClient,
  type DiscoveryClientInit,
  proxyNode,
  type Service,
  type Snapshot,
  type Store,
  type Workload,
} from './discovery/index.js';
export {
  createHbonePool,
  createHboneServer,
  dialHbone,
  type HbonePool,
  type HboneServer,
  type IncomingConnect,
  type Tunnel,
} from './hbone/index.js';
export {
  type CaClientInit,
  type CertificateManager,
  type CertificateSource,
  createCaClient,
  createCertificateManager,
  type Revocations,
  type WorkloadCertificate,
  watchRevocationFile,
} from './identity/index.js';
export { decodePeerBaggage, encodePeerBaggage, type Peer, type PeerMetadata } from './peer/index.js';
export { type OutboundRequest, type Plan, planOutbound } from './routing/index.js';
export {
  type Clock,
  type ControlPlaneAccess,
  createLogger,
  createScope,
  type Logger,
  type Scope,
} from './runtime/index.js';
export { Fault, type FaultCode, formatSpiffeId, parseSpiffeId, type SpiffeId } from './wire/index.js';
