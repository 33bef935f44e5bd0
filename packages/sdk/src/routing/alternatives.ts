/**
 * What to fall back on when a gateway is out of service. Only gateways have alternatives: who picks one picks a proxy on
 * the way, not the one who serves, so another leads to the same service. An endpoint that fails is the caller's to see.
 *
 * Bounds: 7 alternatives, each gateway once; reads no further than it has to.
 */
import type { Executable, Plan } from './plan.js';

/** Whoever waits for a connection has given up before an eighth gateway has been tried. */
const MOST = 7;

/** The first of the plans; when it leads through a gateway, the others become its alternatives. */
export function bestOf(plans: Iterable<Plan>): Plan {
  const reader = plans[Symbol.iterator]();
  const { value: best, done } = reader.next();
  if (done) throw new TypeError('there is no plan to begin with');
  return best.kind === 'nested' ? { ...best, alternatives: after(best, reader) } : best;
}

function after(best: Executable, reader: Iterator<Plan>): readonly Executable[] {
  const alternatives: Executable[] = [];
  const gateways = new Set([gatewayOf(best)]);
  for (let next = reader.next(); !next.done && alternatives.length < MOST; next = reader.next()) {
    const plan = next.value;
    const gateway = gatewayOf(plan);
    if (plan.kind === 'refuse' || (gateway !== undefined && gateways.has(gateway))) continue;
    alternatives.push(plan);
    // It needs no gateway, so nothing is left to fall back on.
    if (gateway === undefined) break;
    gateways.add(gateway);
  }
  return alternatives;
}

function gatewayOf(plan: Plan): string | undefined {
  return plan.kind === 'nested' ? JSON.stringify(plan.outer.address) : undefined;
}
