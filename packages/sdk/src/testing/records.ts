/** Records of a mesh with what a control plane fills in, so that a test names only what matters to it. */
import type { Service, Workload } from '../discovery/model.js';

/** A healthy pod of a deployment that speaks HBONE, in namespace `shop` and the service account of its name. */
export function createTestWorkload(fields: Partial<Workload> & Pick<Workload, 'name'>): Workload {
  const { name, namespace = 'shop', clusterId = 'cluster-1' } = fields;
  return {
    uid: `${clusterId}//Pod/${namespace}/${name}`,
    namespace,
    addresses: [],
    hostname: '',
    network: '',
    clusterId,
    trustDomain: 'cluster.local',
    serviceAccount: name,
    node: 'node-1',
    canonicalName: name,
    canonicalRevision: 'v1',
    workloadName: name,
    workloadType: 'deployment',
    locality: { region: '', zone: '', subzone: '' },
    tunnelProtocol: 'hbone',
    nativeTunnel: false,
    networkMode: 'standard',
    healthy: true,
    capacity: 1,
    authorizationPolicies: [],
    services: new Map(),
    ...fields,
  };
}

/** A service of Kubernetes in namespace `shop`, port 80 to 8080, without an address. */
export function createTestService(fields: Partial<Service> & Pick<Service, 'name'>): Service {
  const { name, namespace = 'shop', hostname = `${name}.${namespace}.svc.cluster.local` } = fields;
  return {
    key: `${namespace}/${hostname}`,
    namespace,
    hostname,
    addresses: [],
    ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }],
    subjectAltNames: [],
    ipFamilies: 'automatic',
    canonical: true,
    ingressUseWaypoint: false,
    visibility: 'public',
    ...fields,
  };
}
