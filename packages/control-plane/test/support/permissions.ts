/** The manifest of permissions in `deploy/`, as documents. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './objects.js';

export function readPermissions(): readonly Manifest[] {
  const file = new URL('../../../../deploy/kubernetes/control-plane-rbac.yaml', import.meta.url);
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Manifest);
}
