/** What most users of the SDK need; the rest is under the subpaths named in package.json. */
export { Fault, type FaultCode, formatSpiffeId, parseSpiffeId, type SpiffeId } from './wire/index.js';
