/** When a pod takes traffic; Kubernetes' and istiod's rules. */
import type { KubeObject } from '../sources/index.js';

export function isReady({ metadata, status }: KubeObject<'Pod'>): boolean {
  const isUp = status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return isUp && metadata.deletionTimestamp === undefined;
}

/** Terminal pods keep their address for a while, but it may be another pod's by now. */
export function hasEnded({ status: { phase } }: KubeObject<'Pod'>): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
