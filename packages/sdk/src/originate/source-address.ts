/**
 * The address to dial from: a proxy that stands for several workloads speaks from each one's own, so that whoever is
 * called sees who called, as if there were no proxy. Where the workload's address is not on this host (the workload's
 * own network namespace has it), the system chooses.
 */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Workload } from '../discovery/index.js';
import type { Clock } from '../runtime/index.js';

/** Asking the system costs more than a connection should pay; addresses come and go seldom. */
const FRESH_MS = 5_000;

/** The workload's address of the same family as `towards`, when it is bound on this host. */
export function createSourceAddresses(clock: Clock): (source: Workload, towards: string) => string | undefined {
  let known = new Set<string>();
  let readAt = Number.NEGATIVE_INFINITY;

  function isHere(address: string): boolean {
    // The whole block belongs to the loopback interface, which lists one of it (RFC 1122 section 3.2.1.3).
    if (isLoopback(address)) return true;
    if (clock.monotonic() - readAt >= FRESH_MS) {
      readAt = clock.monotonic();
      known = new Set(Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map((row) => row.address)));
    }
    return known.has(address);
  }

  return (source, towards) => source.addresses.find((address) => canReach(address, towards) && isHere(address));
}

/** A loopback address reaches only its like, and nothing is known about what a name stands for. */
function canReach(address: string, towards: string): boolean {
  return isIP(towards) !== 0 && isIP(address) === isIP(towards) && isLoopback(address) === isLoopback(towards);
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
