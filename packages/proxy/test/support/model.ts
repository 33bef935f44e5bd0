/** Records of a mesh with the defaults a control plane would fill in; tests name only what matters to them. */
import {
  type Authorization,
  createStore,
  NO_MATCH,
  type PolicyMatch,
  type Service,
  type Store,
  type Workload,
} from '@isthmus/sdk/discovery';
import { createTestService, createTestWorkload } from '@isthmus/sdk/testing';

export function workload(fields: Partial<Workload> & Pick<Workload, 'name'>): Workload {
  return createTestWorkload({ network: 'network-1', clusterId: 'east', node: 'node-a', ...fields });
}

export const service = createTestService;

export function policy(name: string, action: 'allow' | 'deny', match: Partial<PolicyMatch>): Authorization {
  return {
    key: `shop/${name}`,
    name,
    namespace: 'shop',
    scope: 'namespace',
    action,
    rules: [[[{ ...NO_MATCH, ...match }]]],
    dryRun: false,
  };
}

export interface MeshRecords {
  readonly workloads?: readonly Workload[];
  readonly services?: readonly Service[];
  readonly policies?: readonly Authorization[];
}

export function feed(store: Store, { workloads = [], services = [], policies = [] }: MeshRecords): Store {
  store.apply({
    upserts: [
      ...workloads.map((value) => ({ kind: 'workload', value }) as const),
      ...services.map((value) => ({ kind: 'service', value }) as const),
      ...policies.map((value) => ({ kind: 'policy', value }) as const),
    ],
    removals: [],
  });
  return store;
}

export function storeOf(records: MeshRecords): Store {
  return feed(createStore(), records);
}
