/** What this machine must have for a test to run; everything that is missing is named at once. */
import { accessSync, constants, statSync } from 'node:fs';
import { missingForNamespaces } from '@isthmus/tools/lab';

/** Variables that name binaries, and what they name. */
const BINARIES = {
  ZTUNNEL_BIN: 'a ztunnel',
  ISTIOD_BIN: 'an istiod (pilot-discovery)',
  KUBE_APISERVER: 'a kube-apiserver',
  ETCD: 'an etcd',
} as const;

export type Binary = keyof typeof BINARIES;

/** Empty when the test can run. */
export function missingRequirements(needed: readonly Binary[]): readonly string[] {
  return [...needed.flatMap(missingBinary), ...missingForNamespaces()];
}

function missingBinary(variable: Binary): readonly string[] {
  const path = process.env[variable];
  if (path === undefined || path === '') return [`${variable}, the path of ${BINARIES[variable]}`];
  return isExecutable(path) ? [] : [`an executable file at ${variable}=${path}`];
}

/** Bare API servers do not have the kinds of Istio and of the Gateway API. */
export function missingDefinitions(): readonly string[] {
  const { CRDS: directory = '' } = process.env;
  if (directory !== '' && statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return [];
  return ['CRDS, a directory with the CustomResourceDefinitions of Istio and of the Gateway API as YAML'];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
