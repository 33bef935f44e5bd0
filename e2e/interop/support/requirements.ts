/** What this machine must have for the test to run; everything that is missing is named at once. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

/** Empty when the test can run. */
export function missingRequirements(): readonly string[] {
  if (process.platform !== 'linux') return ['Linux'];
  const missing: string[] = [];
  const ztunnel = process.env.ZTUNNEL_BIN;
  if (ztunnel === undefined || ztunnel === '') missing.push('ZTUNNEL_BIN, the path of a ztunnel binary');
  else if (!isExecutable(ztunnel)) missing.push(`an executable file at ZTUNNEL_BIN=${ztunnel}`);
  if (process.getuid?.() !== 0) missing.push('root, for network namespaces');
  else if (!hasNamespaces()) missing.push('a working "ip netns" (iproute2 and the right to make network namespaces)');
  return missing;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasNamespaces(): boolean {
  const name = `isthmus-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return false;
  return spawnSync('ip', ['netns', 'delete', name]).status === 0;
}
