/** The names a short hostname may stand for inside a namespace: a pod's DNS search list without the resolver. */

/** What Kubernetes clusters are called unless configured otherwise. */
export const CLUSTER_DOMAIN = 'cluster.local';

/**
 * Full names to try, best first. The name as it stands comes first, so that an external `shop.example.com` can never be
 * shadowed by a service; then `name`, `name.namespace` and `name.namespace.svc` completed to a cluster name, and the same
 * for the names of pods, which have one label more. The search list `<ns>.svc.<domain> svc.<domain> <domain>` of a pod's
 * resolv.conf does the same, and so does ztunnel's DNS proxy.
 */
export function searchNames(
  hostname: string,
  namespace: string,
  clusterDomain: string = CLUSTER_DOMAIN,
): readonly string[] {
  if (hostname.endsWith(`.svc.${clusterDomain}`)) return [hostname];
  const dots = hostname.split('.').length - 1;
  const names = [hostname];
  if ((dots === 2 || dots === 3) && hostname.endsWith('.svc')) names.push(`${hostname}.${clusterDomain}`);
  else if (dots === 1 || dots === 2) names.push(`${hostname}.svc.${clusterDomain}`);
  if (dots < 2) names.push(`${hostname}.${namespace}.svc.${clusterDomain}`);
  return names;
}
