/** Pieces of policies in istio.security's terms. */
import {
  type CidrMatch,
  NO_MATCH,
  type PolicyMatch,
  type ServiceAccountMatch,
  type StringMatch,
} from '@isthmus/sdk/discovery';
import { canonicalIp } from '@isthmus/sdk/wire';
import { parseBlock } from '../../sources/index.js';

export function match(attributes: Partial<PolicyMatch>): PolicyMatch {
  return { ...NO_MATCH, ...attributes };
}

export function isEmptyMatch(candidate: PolicyMatch): boolean {
  return Object.values(candidate).every((values) => values.length === 0);
}

/** `*` is anything present, `*x` and `x*` are suffix and prefix, the rest is exact. */
export function stringMatch(text: string): StringMatch {
  if (text === '*') return { kind: 'presence' };
  if (text.startsWith('*')) return { kind: 'suffix', value: text.slice(1) };
  if (text.endsWith('*')) return { kind: 'prefix', value: text.slice(0, -1) };
  return { kind: 'exact', value: text };
}

/** Text was checked when it was read. A plain address is a block of one. */
export function cidrMatch(text: string): CidrMatch {
  const { ip, length = ip.includes(':') ? 128 : 32 } = parseBlock(text) ?? { ip: text };
  return { ip: canonicalIp(ip) ?? ip, length };
}

/** `namespace/account`, or an account of the policy's own namespace. */
export function accountMatch(text: string, policyNamespace: string): ServiceAccountMatch {
  const slash = text.indexOf('/');
  if (slash < 0) return { namespace: policyNamespace, serviceAccount: text };
  return { namespace: text.slice(0, slash), serviceAccount: text.slice(slash + 1) };
}
