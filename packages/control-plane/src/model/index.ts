export { deriveCluster } from './cluster.js';
export type { ClusterInput } from './context.js';
export { waypointKey } from './scope.js';
export type { ClusterModel, GatewayRecord, Model, ServiceRecord } from './types.js';
