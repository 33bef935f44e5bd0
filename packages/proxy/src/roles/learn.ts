/**
 * Learning what a decision needs, for a proxy that is told of addresses on demand: asks, looks at what came, asks for
 * what that names, up to 4 rounds (service, waypoint, gateway, and one to spare).
 */
import type { Snapshot } from '@isthmus/sdk/discovery';
import type { RoleContext } from './role.js';

const MAX_ROUNDS = 4;

/** Resolves with the names nobody answered, at once when there is nothing to ask. Never rejects. */
export async function learn(
  { demand, snapshot }: Pick<RoleContext, 'demand' | 'snapshot'>,
  missing: (snapshot: Snapshot) => readonly string[],
): Promise<readonly string[]> {
  if (!demand) return [];
  const asked = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // What was answered with nothing is still missing, and not asked for again.
    const names = missing(snapshot()).filter((name) => !asked.has(name));
    if (names.length === 0) return [];
    for (const name of names) asked.add(name);
    const unanswered = await demand(names);
    if (unanswered.length > 0) return unanswered;
  }
  return [];
}
