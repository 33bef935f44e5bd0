export { type DerivedCluster, deriveCluster } from './cluster.js';
export { lazily, mergeMaps } from './flat.js';
export { type ClusterInput, isSameBasis } from './frame.js';
export { waypointKey } from './scope.js';
export type { ClusterModel, GatewayRecord, Model, NamespaceModel, ServiceRecord } from './types.js';
