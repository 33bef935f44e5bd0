import { type ControlPlaneAccess, createMeshClient, createScope, watchRevocationFile } from '@isthmus/sdk';

export function connect(
  workload: { namespace: string; name: string; serviceAccount: string },
  controlPlane: ControlPlaneAccess,
) {
  const revocations = watchRevocationFile(createScope(), { path: '/var/run/secrets/istio/ca-crl.pem' });
  return createMeshClient({ workload, controlPlane, revocations });
}
