/**
 * What a role is given, built from where its snapshots and certificates come from. The one place where a role's own
 * process is put together, be it the whole program or one of its workers.
 */
import { createHbonePool } from '@isthmus/sdk/hbone';
import { watchRevocationFile } from '@isthmus/sdk/identity';
import { createGatewayHealth, createOriginate, createSourceAddresses } from '@isthmus/sdk/originate';
import type { Scope } from '@isthmus/sdk/runtime';
import { hboneSettings } from './hbone-settings.js';
import type { Role, RoleContext } from './role.js';
import type { SnapshotFeed } from './snapshot-feed.js';

export interface ContextInit
  extends Pick<
    RoleContext,
    'settings' | 'clock' | 'random' | 'certificates' | 'telemetry' | 'log' | 'drain' | 'demand' | 'listeners'
  > {
  readonly role: Pick<Role, 'name'>;
  readonly feed: Pick<SnapshotFeed, 'snapshot' | 'onSnapshot'>;
}

/** `scope` owns the pool of tunnels that is made here. */
export function createRoleContext(scope: Scope, { role, feed, log, ...given }: ContextInit): RoleContext {
  const { settings, clock, certificates, random } = given;
  const gateways = createGatewayHealth(scope, { clock, random, log: log.child({ scope: 'gateways' }) });
  const { crlPath: path } = settings;
  const revocations = path
    ? watchRevocationFile(scope, { path, clock, log: log.child({ scope: 'revocation' }) })
    : undefined;
  return {
    ...given,
    revocations,
    log: log.child({ scope: role.name }),
    originate: createOriginate({
      pool: createHbonePool(scope, { clock, random, revocations, settings: hboneSettings(settings) }),
      certificates,
      clock,
      network: settings.network,
      baggage: settings.baggage,
      gateways,
      sourceAddress: createSourceAddresses(clock),
    }),
    gateways,
    snapshot: feed.snapshot,
    onSnapshot: feed.onSnapshot,
  };
}
