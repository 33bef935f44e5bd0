/** The plan that goes nowhere, with what was known when it was made. */
import type { FaultCode } from '../wire/faults.js';
import type { RefusePlan } from './plan.js';

export function refuse(
  fault: FaultCode,
  reason: string,
  known: Partial<Pick<RefusePlan, 'candidates' | 'service' | 'servicePort'>> = {},
): RefusePlan {
  return { kind: 'refuse', fault, reason, candidates: [], ...known };
}
