/**
 * Parsed files to a generation: the whole of one cluster at one moment. Pure. A generation is usable only when no file
 * has an error and no two objects claim the same name; half of a change would be a state nobody asked for.
 */
import { formatPosition, hasErrors, type Position, type Problem } from '../schema/index.js';
import type { KubeObject } from './kinds/index.js';
import type { ParsedFile } from './parse.js';
import { groupObjects, type ObjectsByNamespace } from './shards.js';

export interface Generation {
  readonly objects: ObjectsByNamespace;
  /** What is told of them; of files only warnings. */
  readonly problems: readonly Problem[];
}

export type Assembled =
  | { readonly ok: true; readonly generation: Generation }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface AssembleInit {
  /** The DNS suffix of Services, for hosts that a ServiceEntry may not claim. */
  readonly clusterDomain: string;
  /** What was good before; objects that are still the same keep their place. */
  readonly previous?: Generation | undefined;
}

export function assembleGeneration(files: readonly ParsedFile[], { clusterDomain, previous }: AssembleInit): Assembled {
  const objects = files.flatMap((file) => file.objects);
  const problems = [
    ...files.flatMap((file) => file.problems),
    ...findDuplicates(objects),
    ...findDuplicateHosts(objects, clusterDomain),
  ];
  if (hasErrors(problems)) return { ok: false, problems };
  return { ok: true, generation: { objects: groupObjects(objects, previous?.objects), problems } };
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
export function findDuplicateHosts(objects: readonly KubeObject[], clusterDomain: string): Problem[] {
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
    const message = `${claim.key} is defined already at ${formatPosition(earlier.origin)}; remove one of them`;
    problems.push({ severity: 'error', ...claim.origin, path: claim.path, message });
  }
  return problems;
}
