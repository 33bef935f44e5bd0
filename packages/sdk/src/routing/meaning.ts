/** What an address or a name means to a client: a service, a workload, or nothing the mesh knows. */
import type { Service, Workload } from '../discovery/model.js';
import { formatSocketAddress } from './authority.js';
import type { Viewpoint } from './locate.js';
import { portOf, serviceByAddress, serviceByHostname, workloadByAddress } from './lookup.js';
import { podByName } from './pod-names.js';
import { searchNames } from './search-names.js';
import type { Step } from './steps.js';

/** What the target means to this client. */
export type Meaning =
  | { readonly kind: 'service'; readonly service: Service }
  | { readonly kind: 'workload'; readonly workload: Workload }
  | { readonly kind: 'nothing' };

export interface Asked {
  readonly port: number;
  /** The address asked for, when it was one. */
  readonly originalIp: string | undefined;
  /** The name asked for, when it was one. */
  readonly hostname: string | undefined;
}

type Asking = Viewpoint & Asked & { readonly source: Workload };

export function meaningOf(asking: Asking): Meaning {
  const meaning = asking.originalIp === undefined ? meaningOfName(asking) : meaningOfAddress(asking, asking.originalIp);
  asking.observe?.(destinationStep(asking, meaning));
  return meaning;
}

/**
 * A service whose VIP it is, a workload that has it, a service with a block around it. A service that shares an address
 * with a workload is meant only for the ports it lists.
 */
function meaningOfAddress({ snapshot, network, source, port }: Asking, ip: string): Meaning {
  const service = serviceByAddress(snapshot, { network, ip }, source.namespace);
  const workload = workloadByAddress(snapshot, network, ip);
  const exact = service?.addresses.some((vip) => vip.network === network && vip.ip === ip && vip.length === undefined);
  if (service && (!workload || (exact && portOf(service, port)))) return { kind: 'service', service };
  return workload ? { kind: 'workload', workload } : { kind: 'nothing' };
}

/** A pod that is here is meant itself; of one elsewhere there is a service by its name. */
function meaningOfName({ snapshot, source, network, hostname }: Asking): Meaning {
  if (hostname === undefined) return { kind: 'nothing' };
  for (const name of searchNames(hostname, source.namespace)) {
    const pod = podByName(snapshot, name, { source, network });
    if (pod) return { kind: 'workload', workload: pod };
    const service = serviceByHostname(snapshot, name, source.namespace);
    if (service) return { kind: 'service', service };
  }
  const workload = snapshot.workloadByHostname(source.namespace, hostname);
  return workload ? { kind: 'workload', workload } : { kind: 'nothing' };
}

function destinationStep({ originalIp, hostname, port, source, network }: Asking, meaning: Meaning): Step {
  const where = `network ${JSON.stringify(network)}, namespace ${source.namespace}`;
  const subject = `${formatSocketAddress(originalIp ?? hostname ?? '', port)} (${where})`;
  return { what: 'destination', subject, outcome: outcomeOf(meaning), candidates: [] };
}

function outcomeOf(meaning: Meaning): string {
  switch (meaning.kind) {
    case 'service': {
      const { key, loadBalancing: rules } = meaning.service;
      const scopes = rules?.routingPreference.join(', ') || 'no scopes';
      return rules ? `service ${key}, balanced ${rules.mode} (${scopes}), ${rules.healthPolicy}` : `service ${key}`;
    }
    case 'workload':
      return `workload ${meaning.workload.uid}`;
    case 'nothing':
      return 'nobody the mesh knows';
  }
}
