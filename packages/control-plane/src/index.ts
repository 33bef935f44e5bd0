/** For programs and tests that run a control plane inside themselves. */
export { type ControlPlane, type ControlPlaneInit, type ControlPlaneStatus, startControlPlane } from './app.js';
export { generateKey, issueToken, makeCacerts, readPrivateKey, writePrivateKey } from './ca/index.js';
export { type ReadSettings, readSettings, type SettingRow, type Settings, settingRows } from './config.js';
export { formatProblem, type Problem } from './schema/index.js';
