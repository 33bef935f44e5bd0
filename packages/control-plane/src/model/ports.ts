/** Ports of services: their protocol, and where they lead on one endpoint. TCP only; the mesh carries nothing else. */
import type { AppProtocol, ServicePort } from '@isthmus/sdk/discovery';
import type { KubeObject } from '../sources/index.js';

type PortSpec = KubeObject<'Service'>['spec']['ports'][number];

const PROTOCOLS: Readonly<Record<string, AppProtocol>> = {
  http: 'http11',
  'http-web': 'http11',
  'kubernetes.io/ws': 'http11',
  http2: 'http2',
  'kubernetes.io/h2c': 'http2',
  grpc: 'grpc',
  'grpc-web': 'grpc',
  tcp: 'tcp',
  tls: 'tls',
  https: 'tls',
  'kubernetes.io/wss': 'tls',
};

/** From `appProtocol`, else from the port's name up to its first `-`, as Istio's protocol selection does. */
export function appProtocolOf({ name, appProtocol }: { name: string; appProtocol?: string | undefined }): AppProtocol {
  const asked = (appProtocol ?? name).toLowerCase();
  return PROTOCOLS[asked] ?? PROTOCOLS[asked.split('-')[0] ?? ''] ?? 'unknown';
}

export function tcpPorts(service: KubeObject<'Service'>): readonly PortSpec[] {
  return service.spec.ports.filter(({ protocol }) => protocol === 'TCP');
}

/** As the service declares it. A named target is 0: every endpoint resolves it for itself. */
export function declaredPort(spec: PortSpec): ServicePort {
  const { port, targetPort = port } = spec;
  return {
    servicePort: port,
    targetPort: typeof targetPort === 'number' ? targetPort : 0,
    appProtocol: appProtocolOf(spec),
  };
}

/** As one endpoint has it; ports whose named target the endpoint does not have are left out. */
export function endpointPorts(
  ports: readonly PortSpec[],
  resolve: (name: string, spec: PortSpec) => number | undefined,
): readonly ServicePort[] {
  return ports.flatMap((spec) => {
    const { targetPort } = spec;
    const declared = declaredPort(spec);
    if (typeof targetPort !== 'string') return [declared];
    const resolved = resolve(targetPort, spec);
    return resolved === undefined ? [] : [{ ...declared, targetPort: resolved }];
  });
}

/** What a named target means on that pod. */
export function containerPort(pod: KubeObject<'Pod'>, target: string): number | undefined {
  const ports = pod.spec.containers.flatMap(({ ports }) => ports);
  return ports.find(({ name, protocol }) => name === target && protocol === 'TCP')?.containerPort;
}
