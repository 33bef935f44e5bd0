/**
 * How enums of the protos and names of the model correspond, one table for both directions. What a table does not list
 * is refused, or replaced by the table's fallback where ztunnel is lenient too (the value only labels telemetry).
 */
import type { DescEnum } from '@bufbuild/protobuf';
import { authorizationPb as security, workloadPb as workload } from '../wire/protos.js';
import type { AppProtocol, Authorization, LoadBalancing, RoutingScope, Service, Workload } from './model.js';

export interface EnumTable<Name extends string> {
  readonly desc: DescEnum;
  readonly names: readonly [Name, ...Name[]];
  encode(name: Name): number;
  /** undefined for a number that has no place in the model. */
  decode(value: number): Name | undefined;
}

function table<Name extends string>(desc: DescEnum, numbers: Record<Name, number>, fallback?: Name): EnumTable<Name> {
  const byNumber = new Map(Object.entries<number>(numbers).map(([name, value]) => [value, name as Name]));
  return {
    desc,
    names: Object.keys(numbers) as [Name, ...Name[]],
    encode: (name) => numbers[name],
    decode: (value) => byNumber.get(value) ?? fallback,
  };
}

/** LEGACY_ISTIO_MTLS is left out: no ambient proxy can speak it, and plain TCP instead would be a silent downgrade. */
export const tunnelProtocols = table<Workload['tunnelProtocol']>(workload.TunnelProtocolSchema, {
  none: workload.TunnelProtocol.NONE,
  hbone: workload.TunnelProtocol.HBONE,
});

export const networkModes = table<Workload['networkMode']>(workload.NetworkModeSchema, {
  standard: workload.NetworkMode.STANDARD,
  host: workload.NetworkMode.HOST_NETWORK,
});

export const workloadStatuses = table<'healthy' | 'unhealthy'>(workload.WorkloadStatusSchema, {
  healthy: workload.WorkloadStatus.HEALTHY,
  unhealthy: workload.WorkloadStatus.UNHEALTHY,
});

export const workloadTypes = table<Workload['workloadType']>(
  workload.WorkloadTypeSchema,
  {
    deployment: workload.WorkloadType.DEPLOYMENT,
    cronjob: workload.WorkloadType.CRONJOB,
    pod: workload.WorkloadType.POD,
    job: workload.WorkloadType.JOB,
  },
  'deployment',
);

export const appProtocols = table<AppProtocol>(
  workload.AppProtocolSchema,
  {
    unknown: workload.AppProtocol.UNKNOWN,
    http11: workload.AppProtocol.HTTP11,
    http2: workload.AppProtocol.HTTP2,
    grpc: workload.AppProtocol.GRPC,
    tcp: workload.AppProtocol.TCP,
    tls: workload.AppProtocol.TLS,
  },
  'unknown',
);

export const applicationTunnelProtocols = table<'none' | 'proxy'>(workload.ApplicationTunnel_ProtocolSchema, {
  none: workload.ApplicationTunnel_Protocol.NONE,
  proxy: workload.ApplicationTunnel_Protocol.PROXY,
});

export const ipFamilies = table<Service['ipFamilies']>(workload.IPFamiliesSchema, {
  automatic: workload.IPFamilies.AUTOMATIC,
  ipv4: workload.IPFamilies.IPV4_ONLY,
  ipv6: workload.IPFamilies.IPV6_ONLY,
  dual: workload.IPFamilies.DUAL,
});

export const visibilities = table<Service['visibility']>(
  workload.Service_VisibilitySchema,
  {
    public: workload.Service_Visibility.PUBLIC,
    namespace: workload.Service_Visibility.NAMESPACE,
  },
  'public',
);

/** UNSPECIFIED_SCOPE is left out: a preference for nothing in particular has no rank. */
export const routingScopes = table<RoutingScope>(workload.LoadBalancing_ScopeSchema, {
  region: workload.LoadBalancing_Scope.REGION,
  zone: workload.LoadBalancing_Scope.ZONE,
  subzone: workload.LoadBalancing_Scope.SUBZONE,
  node: workload.LoadBalancing_Scope.NODE,
  cluster: workload.LoadBalancing_Scope.CLUSTER,
  network: workload.LoadBalancing_Scope.NETWORK,
});

export const balancingModes = table<LoadBalancing['mode']>(workload.LoadBalancing_ModeSchema, {
  standard: workload.LoadBalancing_Mode.UNSPECIFIED_MODE,
  strict: workload.LoadBalancing_Mode.STRICT,
  failover: workload.LoadBalancing_Mode.FAILOVER,
  passthrough: workload.LoadBalancing_Mode.PASSTHROUGH,
});

export const healthPolicies = table<LoadBalancing['healthPolicy']>(workload.LoadBalancing_HealthPolicySchema, {
  'only-healthy': workload.LoadBalancing_HealthPolicy.ONLY_HEALTHY,
  'allow-all': workload.LoadBalancing_HealthPolicy.ALLOW_ALL,
});

export const policyScopes = table<Authorization['scope']>(security.ScopeSchema, {
  global: security.Scope.GLOBAL,
  namespace: security.Scope.NAMESPACE,
  'workload-selector': security.Scope.WORKLOAD_SELECTOR,
});

export const policyActions = table<Authorization['action']>(security.ActionSchema, {
  allow: security.Action.ALLOW,
  deny: security.Action.DENY,
});
