/**
 * Definitions of the kinds that a bare API server does not have, with any content: or the real ones, of the YAML files in
 * the directory that `CRDS` names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { RESOURCES } from '../../src/sources/index.js';
import type { Manifest } from './objects.js';

export function readDefinitions(): readonly Manifest[] {
  const { CRDS: directory } = process.env;
  if (!directory) return [...RESOURCES.values()].filter(({ isBuiltIn }) => !isBuiltIn).map(definitionOf);
  return readdirSync(directory)
    .filter((name) => /\.ya?ml$/.test(name))
    .flatMap((name) => parseAllDocuments(readFileSync(join(directory, name), 'utf8')))
    .map((document) => document.toJS() as Manifest | null)
    .flatMap((object) => (object?.kind === 'CustomResourceDefinition' ? [object] : []));
}

function definitionOf({
  kind,
  group,
  plural,
}: {
  readonly kind: string;
  readonly group: string;
  readonly plural: string;
}) {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // Asked for in groups of Kubernetes' own.
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything } } },
        },
      ],
    },
  };
}
