/**
 * The HBONE port of one address, as every role opens it: with the newest certificate of whoever the address belongs to,
 * with a warning line for what fails before a role is asked, and with GOAWAY when the process drains.
 */
import { createHboneServer, type EarlyError, type IncomingConnect } from '@isthmus/sdk/hbone';
import type { WorkloadCertificate } from '@isthmus/sdk/identity';
import { formatSocketAddress } from '@isthmus/sdk/routing';
import type { Scope } from '@isthmus/sdk/runtime';
import { PORT } from '@isthmus/sdk/wire';
import type { Reporter } from '../telemetry/types.js';
import { hboneSettings } from './hbone-settings.js';
import type { RoleContext } from './role.js';

export interface HboneListenerInit {
  readonly context: RoleContext;
  /** The address to bind; the port is the mesh's. */
  readonly host: string;
  readonly reporter: Reporter;
  /** Asked for at each accept. */
  certificate(): Promise<WorkloadCertificate>;
  onConnect(incoming: IncomingConnect): Promise<void>;
}

/** Rejects with the system's error when the address cannot be bound. */
export async function listenHbone(scope: Scope, init: HboneListenerInit): Promise<void> {
  const { context, host, reporter, certificate, onConnect } = init;
  const { clock, log, settings, drain, telemetry, revocations } = context;
  const server = createHboneServer(scope, {
    certificate,
    onConnect,
    clock,
    log,
    revocations,
    settings: hboneSettings(settings),
    onEarlyError({ fault, facts, peerIdentity }: EarlyError) {
      telemetry.earlyDeny({
        reporter,
        sourceAddress: formatSocketAddress(facts.remoteAddress, facts.remotePort),
        sourceIdentity: peerIdentity,
        destinationAddress: formatSocketAddress(facts.localAddress, facts.localPort),
        code: fault.code,
        message: fault.message,
      });
    },
  });
  await server.listen({ host, port: PORT.hbone });
  const onDrain = () => void server.drain();
  if (drain.aborted) onDrain();
  else drain.addEventListener('abort', onDrain, { once: true });
  scope.own(() => drain.removeEventListener('abort', onDrain));
}
