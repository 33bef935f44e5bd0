/** Who this proxy is, for `istio_build` and `isthmus_proxy_info`. */
import type { Settings } from '../config.js';
import type { TelemetryInit } from './index.js';

export function aboutOf({ role, istioVersion, clusterId, network, nodeName }: Settings): TelemetryInit['about'] {
  const component = role === 'ztunnel' ? 'ztunnel' : 'proxy';
  return { component, tag: istioVersion, role, cluster: clusterId, network, node: nodeName ?? '' };
}
