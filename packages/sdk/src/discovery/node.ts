/** Who asks, as Istio's control plane expects it: `<type>~<ip>~<pod>.<namespace>~<namespace>.svc.<domain>`. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import { discoveryPb } from '../wire/protos.js';

export interface ProxyNodeInit {
  readonly type: 'ztunnel' | 'waypoint' | 'router';
  readonly ip: string;
  readonly pod: string;
  readonly namespace: string;
  /** Added to NAME, NAMESPACE and INSTANCE_IPS, and overrides them; CLUSTER_ID, NETWORK and NODE_NAME are usual. */
  readonly metadata?: JsonObject;
  /** The program and its version, for whoever looks at what runs where. */
  readonly agent?: { readonly name: string; readonly version: string };
}

export function proxyNode({ type, ip, pod, namespace, metadata = {}, agent }: ProxyNodeInit): discoveryPb.Node {
  return create(discoveryPb.NodeSchema, {
    // The suffix is fixed in ztunnel whatever the cluster domain is; Istio splits the id at `~` and does not read it.
    id: `${type}~${ip}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { NAME: pod, NAMESPACE: namespace, INSTANCE_IPS: ip, ...metadata },
    ...(agent && {
      userAgentName: agent.name,
      userAgentVersionType: { case: 'userAgentVersion', value: agent.version },
    }),
  });
}
