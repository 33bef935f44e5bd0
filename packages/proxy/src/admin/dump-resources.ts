/**
 * Workloads, services and policies as `/config_dump` shows them: ztunnel's field names (those of its local configuration
 * file), so that tools made for one read the other. Pure.
 */
import type {
  Authorization,
  GatewayAddress,
  PolicyMatch,
  Service,
  ServicePort,
  Snapshot,
  StringMatch,
  Workload,
} from '@isthmus/sdk/discovery';

export function dumpWorkload(workload: Workload): Record<string, unknown> {
  const { uid, addresses, tunnelProtocol, healthy, networkMode, services, ...others } = workload;
  const { waypoint, networkGateway, applicationTunnel: tunnel, ...same } = others;
  return {
    uid,
    workloadIps: addresses,
    ...same,
    protocol: tunnelProtocol === 'hbone' ? 'HBONE' : 'TCP',
    networkMode: networkMode === 'host' ? 'HostNetwork' : 'Standard',
    status: healthy ? 'Healthy' : 'Unhealthy',
    ...(waypoint && { waypoint: dumpGateway(waypoint) }),
    ...(networkGateway && { networkGateway: dumpGateway(networkGateway) }),
    ...(tunnel && { applicationTunnel: { ...tunnel, protocol: tunnel.protocol.toUpperCase() } }),
    services: Object.fromEntries([...services].map(([key, ports]) => [key, dumpPorts(ports)])),
  };
}

export function dumpService(service: Service, snapshot: Snapshot): Record<string, unknown> {
  const { addresses, ports, waypoint, weightedWaypoints, loadBalancing, visibility, ipFamilies, key, ...same } =
    service;
  const blocks = addresses.filter(({ length }) => length !== undefined);
  return {
    ...same,
    vips: addresses.filter(({ length }) => length === undefined).map(({ network, ip }) => `${network}/${ip}`),
    ...(blocks.length > 0 && {
      cidrVips: blocks.map(({ network, ip, length }) => ({ network, cidr: `${ip}/${length}` })),
    }),
    ports: dumpPorts(ports),
    endpoints: Object.fromEntries(
      snapshot.endpoints(key).map((workload) => [
        workload.uid,
        {
          workloadUid: workload.uid,
          port: dumpPorts(workload.services.get(key) ?? []),
          status: workload.healthy ? 'Healthy' : 'Unhealthy',
        },
      ]),
    ),
    ...(waypoint && { waypoint: dumpGateway(waypoint) }),
    ...(weightedWaypoints && {
      weightedWaypoints: weightedWaypoints.map(({ destination, weight }) => ({
        destination: dumpGateway(destination),
        weight,
      })),
    }),
    ...(loadBalancing && {
      loadBalancer: {
        mode: capitalized(loadBalancing.mode),
        routingPreferences: loadBalancing.routingPreference.map(capitalized),
        healthPolicy: loadBalancing.healthPolicy === 'allow-all' ? 'AllowAll' : 'OnlyHealthy',
      },
    }),
    ...(ipFamilies !== 'automatic' && { ipFamilies: IP_FAMILIES[ipFamilies] }),
    visibility: capitalized(visibility),
  };
}

const IP_FAMILIES = { ipv4: 'IPv4', ipv6: 'IPv6', dual: 'Dual' } as const;

export function dumpPolicy(policy: Authorization): Record<string, unknown> {
  const { key: _, scope, action, rules, ...same } = policy;
  return {
    ...same,
    scope: scope === 'workload-selector' ? 'WorkloadSelector' : capitalized(scope),
    action: capitalized(action),
    rules: rules.map((rule) => rule.map((clause) => clause.map(dumpMatch))),
  };
}

/** Attributes that constrain nothing are left out. */
function dumpMatch(match: PolicyMatch): Record<string, unknown> {
  const entries = Object.entries(match) as [string, readonly unknown[]][];
  return Object.fromEntries(
    entries.filter(([, list]) => list.length > 0).map(([name, list]) => [name, list.map(dumpEntry)]),
  );
}

function dumpEntry(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry;
  if ('kind' in entry) return dumpString(entry as StringMatch);
  if ('ip' in entry && 'length' in entry) return `${entry.ip}/${entry.length}`;
  return entry;
}

function dumpString(match: StringMatch): unknown {
  return { [capitalized(match.kind)]: match.kind === 'presence' ? [] : match.value };
}

function dumpPorts(ports: readonly ServicePort[]): Record<string, number> {
  return Object.fromEntries(ports.map(({ servicePort, targetPort }) => [String(servicePort), targetPort]));
}

function dumpGateway({ destination, hboneMtlsPort }: GatewayAddress): Record<string, unknown> {
  const where =
    destination.kind === 'address'
      ? `${destination.address.network}/${destination.address.ip}`
      : `${destination.name.namespace}/${destination.name.hostname}`;
  return { destination: where, hboneMtlsPort };
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
