import { describe, expect, it } from 'vitest';
import { RESOURCES } from '../../src/sources/index.js';
import { readPermissions } from '../support/permissions.js';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** `list pods.` of the core group, `watch gateways.gateway.networking.k8s.io`. */
function permissionsOf(kind: 'ClusterRole' | 'Role'): readonly string[] {
  const roles = readPermissions().filter((document) => document.kind === kind);
  return roles
    .flatMap(({ rules }) => rules as readonly Rule[])
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${group}`)),
      ),
    )
    .sort();
}

describe('deploy/kubernetes/control-plane-rbac.yaml', () => {
  it('lets the control plane list and watch the kinds it reads in the whole cluster, and nothing else', () => {
    const needed = [...RESOURCES.values()].flatMap(({ plural, group }) => [
      `list ${plural}.${group}`,
      `watch ${plural}.${group}`,
    ]);

    expect(permissionsOf('ClusterRole')).toEqual(needed.sort());
  });

  it('lets it see Secrets in the root namespace only', () => {
    const roles = readPermissions().filter(({ kind }) => kind === 'Role' || kind === 'RoleBinding');

    expect(permissionsOf('Role')).toEqual(['list secrets.', 'watch secrets.']);
    expect(roles.map(({ metadata }) => (metadata as { namespace: string }).namespace)).toEqual([
      'istio-system',
      'istio-system',
    ]);
  });
});
