/**
 * Parsed files to a generation: the whole of one cluster at one moment. Pure. A generation is usable only when no file
 * has an error and no two objects claim the same name; half of a change would be a state nobody asked for.
 */
import { hasErrors, type Position, type Problem } from '../schema/index.js';
import { KIND_NAMES, type Kind, type KubeObject, type ObjectsByKind } from './kinds/index.js';
import type { ParsedFile } from './parse.js';

export interface Generation {
  readonly objects: ObjectsByKind;
  /** Warnings. */
  readonly problems: readonly Problem[];
}

export type Assembled =
  | { readonly ok: true; readonly generation: Generation }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface AssembleInit {
  /** The DNS suffix of Services, for hosts that a ServiceEntry may not claim. */
  readonly clusterDomain: string;
}

export function assembleGeneration(files: readonly ParsedFile[], { clusterDomain }: AssembleInit): Assembled {
  const objects = files.flatMap((file) => file.objects);
  const problems = [
    ...files.flatMap((file) => file.problems),
    ...findDuplicates(objects),
    ...findDuplicateHosts(objects, clusterDomain),
  ];
  if (hasErrors(problems)) return { ok: false, problems };
  return { ok: true, generation: { objects: groupByKind(objects), problems } };
}

export function countObjects(objects: ObjectsByKind): number {
  return Object.values(objects).reduce((sum, list) => sum + list.length, 0);
}

function groupByKind(objects: readonly KubeObject[]): ObjectsByKind {
  const byKind = new Map<Kind, KubeObject[]>(KIND_NAMES.map((kind) => [kind, []]));
  for (const object of objects) byKind.get(object.kind)?.push(object);
  for (const list of byKind.values()) list.sort(byName);
  return Object.fromEntries(byKind) as unknown as ObjectsByKind;
}

function byName(a: KubeObject, b: KubeObject): number {
  return compare(a.metadata.namespace, b.metadata.namespace) || compare(a.metadata.name, b.metadata.name);
}

/** By code units, not by locale: the order must be the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function findDuplicates(objects: readonly KubeObject[]): Problem[] {
  const claims = objects.map(({ kind, metadata: { namespace, name }, origin }) => {
    return { key: `${kind} ${namespace ? `${namespace}/` : ''}${name}`, origin, path: 'metadata.name' };
  });
  return reportRepeated(claims, new Map());
}

/**
 * Two objects may not speak for one host in one namespace: Istio picks a winner, and the loser's author never learns.
 */
function findDuplicateHosts(objects: readonly KubeObject[], clusterDomain: string): Problem[] {
  const taken = new Map<string, Claim>();
  const claims: Claim[] = [];
  for (const object of objects) {
    const { origin } = object;
    const { name, namespace } = object.metadata;
    if (object.kind === 'Service') {
      const key = hostClaim(`${name}.${namespace}.svc.${clusterDomain}`, namespace);
      taken.set(key, { key, origin, path: 'metadata.name' });
    }
    if (object.kind !== 'ServiceEntry') continue;
    object.spec.hosts.forEach((host, index) => {
      claims.push({ key: hostClaim(host, namespace), origin, path: `spec.hosts[${index}]` });
    });
  }
  return reportRepeated(claims, taken);
}

function hostClaim(host: string, namespace: string): string {
  return `host ${host} in namespace ${namespace}`;
}

interface Claim {
  readonly key: string;
  readonly origin: Position;
  readonly path: string;
}

function reportRepeated(claims: readonly Claim[], taken: ReadonlyMap<string, Claim>): Problem[] {
  const first = new Map(taken);
  const problems: Problem[] = [];
  for (const claim of claims) {
    const earlier = first.get(claim.key);
    if (!earlier) {
      first.set(claim.key, claim);
      continue;
    }
    const { file, line, col } = earlier.origin;
    const message = `${claim.key} is defined already at ${file}:${line}:${col}; remove one of them`;
    problems.push({ severity: 'error', ...claim.origin, path: claim.path, message });
  }
  return problems;
}
