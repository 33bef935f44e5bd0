export { FAULTS, Fault, type FaultCode, type FaultRow } from './faults.js';
export { HEADER, type HeaderName } from './headers.js';
export { ILLEGAL_PORTS, PORT } from './ports.js';
export { formatSpiffeId, parseSpiffeId, type SpiffeId } from './spiffe.js';
