export { addCapacity } from './capacity.js';
export { type DerivedCluster, deriveCluster } from './cluster.js';
export { judgeScope, type ScopeVerdict } from './export.js';
export { lazily, mergeMaps, withAll } from './flat.js';
export { type ClusterInput, isSameBasis } from './frame.js';
export { isIngress, ROOT_NAMESPACE } from './labels.js';
export { isNamedPod, serviceOfNamedPod } from './named-pods.js';
export { addressText, claimsOf, waypointKey } from './scope.js';
export type { ClusterModel, GatewayRecord, Model, NamespaceModel, ServiceRecord } from './types.js';
