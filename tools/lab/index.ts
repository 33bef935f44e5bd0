/** What the tests use of the lab. */
export { getBySocks5, grpcBySocks5, type HttpAnswer, linesBySocks5, listRequest } from './calls.js';
export { EXPECTED } from './expected.js';
export { type PlainClients, plainClients } from './netns/callers.js';
export { createDoors, type Doors } from './netns/doors.js';
export { createNamespaces, type Namespaces } from './netns/namespaces.js';
export { missingForLab, missingForNamespaces } from './netns/requirements.js';
export { findPrograms, type Programs } from './programs.js';
export { silentProgress } from './progress.js';
export { parsePrometheusText, type Sample } from './prometheus-text.js';
export { type RunResult, runOnce } from './run.js';
export { BOTH_ENDS, FAILED, OPENED, REQUESTS, type Series } from './series.js';
export { connectBySocks5, type HostPort } from './socks5.js';
export { type Lab, type StartOptions, startLab } from './start.js';
export { clustersOf, EAST_WEST_GATEWAY, gatewayName, podOf, serviceHostname, type World } from './topology.js';
export { sendTraffic, serviceAddress, socks5Entry } from './traffic.js';
export { judge, matches, type Verdict } from './verdict.js';
