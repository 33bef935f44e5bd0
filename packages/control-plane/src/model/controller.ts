/**
 * What a pod belongs to: the controller's name and kind, and the canonical name and revision that telemetry groups
 * by. Istio's rules; where a hand-written pod has no owner references, its `pod-template-hash` label tells as much.
 */
import type { WorkloadType } from '@isthmus/sdk/wire';
import type { Metadata } from '../sources/index.js';
import { LABEL, type Labels } from './labels.js';

export interface ControllerNames {
  readonly workloadName: string;
  readonly workloadType: WorkloadType;
}

export function controllerOf(metadata: Metadata): ControllerNames {
  const { name, labels, ownerReferences } = metadata;
  const given = labels[LABEL.workloadName];
  const owner = ownerReferences.find(({ controller }) => controller) ?? ownerReferences[0];
  const found = owner ? fromOwner(owner, labels) : fromName(name, labels);
  return given ? { ...found, workloadName: given } : found;
}

function fromOwner({ kind, name }: { kind: string; name: string }, labels: Labels): ControllerNames {
  switch (kind) {
    case 'ReplicaSet':
      return { workloadName: withoutSuffix(name, labels[LABEL.podTemplateHash]), workloadType: 'deployment' };
    case 'Deployment':
      return { workloadName: name, workloadType: 'deployment' };
    case 'CronJob':
      return { workloadName: name, workloadType: 'cronjob' };
    case 'Job': {
      // The job controller appends the scheduled minute to the name of its CronJob.
      const [, cronJob] = /^(.+)-\d{8,10}$/.exec(name) ?? [];
      return cronJob ? { workloadName: cronJob, workloadType: 'cronjob' } : { workloadName: name, workloadType: 'job' };
    }
    default:
      return { workloadName: name, workloadType: 'pod' };
  }
}

function fromName(name: string, labels: Labels): ControllerNames {
  const hash = labels[LABEL.podTemplateHash];
  const cut = hash ? name.lastIndexOf(`-${hash}`) : -1;
  return cut > 0
    ? { workloadName: name.slice(0, cut), workloadType: 'deployment' }
    : { workloadName: name, workloadType: 'pod' };
}

/** `reviews-v1-6d8f7c9b5` is `reviews-v1`; without the label, the hash is what follows the last dash. */
function withoutSuffix(name: string, hash: string | undefined): string {
  if (hash && name.endsWith(`-${hash}`)) return name.slice(0, -hash.length - 1);
  const dash = name.lastIndexOf('-');
  return dash > 0 ? name.slice(0, dash) : name;
}

export interface CanonicalNames {
  readonly canonicalName: string;
  readonly canonicalRevision: string;
}

export function canonicalOf(labels: Labels, workloadName: string): CanonicalNames {
  return {
    canonicalName: labels[LABEL.canonicalName] ?? labels['app.kubernetes.io/name'] ?? labels.app ?? workloadName,
    canonicalRevision:
      labels[LABEL.canonicalRevision] ?? labels['app.kubernetes.io/version'] ?? labels.version ?? 'latest',
  };
}
