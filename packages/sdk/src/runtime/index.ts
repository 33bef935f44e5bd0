export { type Backoff, type BackoffInit, createBackoff } from './backoff.js';
export { type Clock, pause, realClock } from './clock.js';
export type { ControlPlaneAccess, ControlPlaneTrust, TextSource } from './control-plane.js';
export { createDrain, type Drain, type DrainInit, type DrainOutcome } from './drain.js';
export { expectShortLives } from './heap.js';
export { KEEP_ALIVE_MS, type KeepAliveOptions, keepAliveOptions, MOST_KEEP_ALIVE_MS } from './keep-alive.js';
export { createLogger, LOG_LEVELS, type Logger, type LogInit, type LogLevel, silentLogger } from './log.js';
export { createScope, type Scope } from './scope.js';
export { COMPLIANCE, type Compliance, DEFAULT_TLS_POLICY, lackOf, type TlsPolicy, tlsOptions } from './tls-policy.js';
