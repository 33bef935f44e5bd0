/** The proxy as a library: start it in a process of your own, or read its tables. */
export { type App, type AppInit, startApp } from './app.js';
export { ROLE_NAMES, type RoleName, readSettings, SETTINGS, type Settings, type SettingsResult } from './config.js';
export { LIMIT_TABLE } from './http/limits.js';
export { ROLES } from './roles/index.js';
export type { Role, RoleContext, RunningRole } from './roles/role.js';
export { METRICS } from './telemetry/catalog.js';
