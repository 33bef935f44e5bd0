/**
 * The generated messages, one namespace per proto package: several packages use the same plain names (`Address`,
 * `Locality`, `Scope`), and a reader should see which one is meant.
 */
export * as authorizationPb from './gen/authorization_pb.js';
export * as citadelPb from './gen/citadel_pb.js';
export * as discoveryPb from './gen/discovery_pb.js';
export * as spiffePb from './gen/spiffe_workload_api_pb.js';
export * as workloadPb from './gen/workload_pb.js';
