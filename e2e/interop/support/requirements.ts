/** What this machine must have for the test to run; everything that is missing is named at once. */
import { accessSync, constants } from 'node:fs';
import { missingForNamespaces } from '@isthmus/tools/lab';

/** Empty when the test can run. */
export function missingRequirements(): readonly string[] {
  const missing: string[] = [];
  const ztunnel = process.env.ZTUNNEL_BIN;
  if (ztunnel === undefined || ztunnel === '') missing.push('ZTUNNEL_BIN, the path of a ztunnel binary');
  else if (!isExecutable(ztunnel)) missing.push(`an executable file at ZTUNNEL_BIN=${ztunnel}`);
  return [...missing, ...missingForNamespaces()];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
