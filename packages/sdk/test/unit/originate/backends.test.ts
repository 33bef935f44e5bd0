/** How many backends a plan through a gateway may reach. */
import { expect, it } from 'vitest';
import type { Workload } from '../../../src/discovery/index.js';
import { backendsBehind } from '../../../src/originate/backends.js';
import type { Executable, NestedPlan } from '../../../src/routing/index.js';

const record = (uid: string, network: string, capacity: number) => ({ uid, network, capacity }) as Workload;
const nested = (destination: Workload, alternatives: readonly Executable[] = []) =>
  ({ kind: 'nested', destination, alternatives }) as unknown as NestedPlan;

it('counts the shares of all gateways of that network, each record once, and of no other', () => {
  const [one, two, elsewhere] = [record('a', 'network-2', 2), record('b', 'network-2', 1), record('c', 'network-3', 9)];
  const direct = { kind: 'direct' } as unknown as Executable;

  const plan = nested(one, [nested(two), nested(one), nested(elsewhere), direct]);

  expect(backendsBehind(plan)).toBe(3);
  expect(backendsBehind(nested(two))).toBe(1);
});
