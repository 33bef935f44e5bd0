/** The manifests in `deploy/kubernetes`, as documents, and what their roles grant. */
import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './objects.js';

const DIRECTORY = new URL('../../../../deploy/kubernetes/', import.meta.url);

export interface ManifestFile {
  readonly file: string;
  readonly objects: readonly Manifest[];
}

export function readManifests(): readonly ManifestFile[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.yaml'))
    .map((file) => ({ file, objects: readDocuments(file) }));
}

export function readPermissions(): readonly Manifest[] {
  return readDocuments('control-plane-rbac.yaml');
}

function readDocuments(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(new URL(file, DIRECTORY), 'utf8')).map(
    (document) => document.toJS() as Manifest,
  );
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** `list pods.` of the core group, `watch gateways.gateway.networking.k8s.io`, `get leases.coordination.k8s.io/name`. */
export function grantedBy(documents: readonly Manifest[]): readonly string[] {
  return documents
    .flatMap(({ rules }) => (rules ?? []) as readonly Rule[])
    .flatMap(permitted)
    .sort();
}

function permitted({ apiGroups, resources, resourceNames, verbs }: Rule): readonly string[] {
  const names = resourceNames?.map((name) => `/${name}`) ?? [''];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => `${verb} ${resource}.${group}${name}`)),
    ),
  );
}
