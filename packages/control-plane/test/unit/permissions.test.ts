import { describe, expect, it } from 'vitest';
import { RESOURCES } from '../../src/sources/index.js';
import { ROOT_CONFIG_MAP } from '../../src/writer/root-config-maps.js';
import { grantedBy, readPermissions } from '../support/permissions.js';

function permissionsOf(kind: 'ClusterRole' | 'Role'): Readonly<Record<string, readonly string[]>> {
  const roles = readPermissions().filter((document) => document.kind === kind);
  return Object.fromEntries(roles.map((role) => [(role.metadata as { name: string }).name, grantedBy([role])]));
}

describe('deploy/kubernetes/control-plane-rbac.yaml', () => {
  it('lets the control plane list and watch the kinds it reads, review tokens and write one ConfigMap, and nothing else', () => {
    const read = [...RESOURCES.values()].flatMap(({ plural, group }) => [
      `list ${plural}.${group}`,
      `watch ${plural}.${group}`,
    ]);

    expect(permissionsOf('ClusterRole')).toEqual({
      'isthmus-control-plane': read.sort(),
      'isthmus-control-plane-local': [
        `create configmaps./${ROOT_CONFIG_MAP}`,
        'create tokenreviews.authentication.k8s.io',
        `list configmaps./${ROOT_CONFIG_MAP}`,
        `patch configmaps./${ROOT_CONFIG_MAP}`,
        `watch configmaps./${ROOT_CONFIG_MAP}`,
      ],
    });
  });

  it('lets it see Secrets and hold its Lease in the root namespace only', () => {
    const namespaced = readPermissions().filter(({ kind }) => kind === 'Role' || kind === 'RoleBinding');

    expect(permissionsOf('Role')).toEqual({
      'isthmus-control-plane-remote-secrets': ['list secrets.', 'watch secrets.'],
      'isthmus-control-plane-writer': [
        'create leases.coordination.k8s.io',
        'get leases.coordination.k8s.io/isthmus-control-plane',
        'update leases.coordination.k8s.io/isthmus-control-plane',
      ],
    });
    expect(namespaced.map(({ metadata }) => (metadata as { namespace: string }).namespace)).toEqual(
      Array(4).fill('istio-system'),
    );
  });
});
