export { CONTROL_PLANE_IDENTIFIER } from './control-plane.js';
export { encodeDeltaResponse, encodeResource, renameResource, type SharedDeltaResponse } from './delta-response.js';
export { FAULTS, Fault, type FaultCode, type FaultRow } from './faults.js';
export { HEADER, type HeaderName } from './headers.js';
export { canonicalIp, formatIp, ipInBlock, maskIp, parseIp } from './ip.js';
export { ILLEGAL_PORTS, PORT } from './ports.js';
export { authorizationPb, citadelPb, discoveryPb, spiffePb, workloadPb } from './protos.js';
export {
  RESOURCE_TYPE_NAMES,
  RESOURCE_TYPES,
  type ResourceType,
  type ResourceTypeName,
  resourceTypeByUrl,
} from './resource-types.js';
export {
  certificateService,
  type DeltaResponseOrBytes,
  discoveryService,
  type GrpcMethod,
  trustService,
} from './services.js';
export { formatSpiffeId, parseSpiffeId, type SpiffeId } from './spiffe.js';
export { WORKLOAD_TYPES, type WorkloadType } from './workload-type.js';
