/** Settings: who this proxy is and whom it stands for. */
import { ip, oneOf, text } from '../kinds.js';
import { type SettingTable, setting } from '../table.js';
import { type WorkloadInfo, workloadInfo } from '../workloads.js';

export const OWN = {
  network: setting<string>({
    env: ['NETWORK'],
    kind: text,
    default: '',
    doc: "The network this proxy is on. Endpoints of another network are reached through that network's east-west gateway.",
  }),
  clusterId: setting<string>({
    env: ['ISTIO_META_CLUSTER_ID', 'CLUSTER_ID'],
    kind: text,
    default: 'Kubernetes',
    doc: 'The cluster this proxy belongs to; sent to the control plane and the CA.',
  }),
  nodeName: setting<string | undefined>({
    env: ['NODE_NAME'],
    kind: text,
    default: undefined,
    doc: 'In shared mode the proxy stands for the workloads of this node; when unset, for every workload it is told of.',
  }),
  mode: setting<'shared' | 'dedicated' | undefined>({
    env: ['PROXY_MODE'],
    kind: oneOf('shared', 'dedicated'),
    default: undefined,
    defaultText: 'shared for ztunnel, dedicated otherwise',
    doc: 'shared: one process stands for all HBONE workloads of a node. dedicated: for the one that PROXY_WORKLOAD_INFO names. Waypoints and gateways are always dedicated, and refuse shared.',
  }),
  workload: setting<WorkloadInfo | undefined>({
    env: ['PROXY_WORKLOAD_INFO'],
    kind: workloadInfo,
    default: undefined,
    defaultText: 'POD_NAMESPACE, POD_NAME and SERVICE_ACCOUNT',
    doc: 'The workload a dedicated proxy stands for: its identity opens tunnels, its metadata is the baggage.',
  }),
  podName: setting<string | undefined>({
    env: ['POD_NAME'],
    kind: text,
    default: undefined,
    doc: 'The pod this process runs in; part of the xDS node id.',
  }),
  podNamespace: setting<string | undefined>({
    env: ['POD_NAMESPACE'],
    kind: text,
    default: undefined,
    doc: 'Its namespace; part of the xDS node id.',
  }),
  serviceAccount: setting<string | undefined>({
    env: ['SERVICE_ACCOUNT'],
    kind: text,
    default: undefined,
    doc: "Its service account; names the proxy's own identity.",
  }),
  instanceIp: setting<string | undefined>({
    env: ['INSTANCE_IP'],
    kind: ip,
    default: undefined,
    doc: 'The address of this process: part of the xDS node id, and where a waypoint or gateway accepts HBONE (port 15008).',
  }),
  trustDomain: setting<string>({
    env: ['TRUST_DOMAIN'],
    kind: text,
    default: 'cluster.local',
    doc: "Trust domain of the proxy's own identity.",
  }),
} satisfies SettingTable;
