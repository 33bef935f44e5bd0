/** Of this program. The single executable has no manifest beside it: its build defines the version instead. */
import { readFileSync } from 'node:fs';

declare const ISTHMUS_VERSION: string | undefined;

export function version(): string {
  if (typeof ISTHMUS_VERSION === 'string') return ISTHMUS_VERSION;
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest && 'version' in manifest ? String(manifest.version) : 'unknown';
}
