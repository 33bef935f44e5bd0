/**
 * Which certificates a caller may have: its own; and for a proxy that serves a whole node, those of workloads on that
 * node. Pure. The node comes from the signed token only: what a caller says of itself opens nothing.
 */
import { parseSpiffeId } from '@isthmus/sdk/wire';
import type { Caller } from './authenticate.js';

export interface Workplace {
  readonly node: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface AuthorizeInit {
  readonly trustDomain: string;
  /** `namespace/account`, as in CA_TRUSTED_NODE_ACCOUNTS. */
  readonly trustedNodeAccounts: readonly string[];
  /** Whether a workload with that account is on that node now. */
  readonly isOnNode: (workplace: Workplace) => boolean;
}

export type Authorized =
  | { readonly ok: true; readonly identity: string }
  | { readonly ok: false; readonly reason: string };

/** `impersonated` is the SPIFFE URI asked for on behalf of a workload; empty or absent, the caller asks for itself. */
export function authorize(init: AuthorizeInit, caller: Caller, impersonated: string | undefined): Authorized {
  if (!impersonated || impersonated === caller.identity) return { ok: true, identity: caller.identity };
  const account = `${caller.namespace}/${caller.serviceAccount}`;
  if (!init.trustedNodeAccounts.includes(account)) {
    return refuse(`${account} may only have its own certificate; it is not a trusted node account`);
  }
  const asked = parseSpiffeId(impersonated);
  if (!asked) return refuse(`${JSON.stringify(impersonated)} is not a SPIFFE workload identity`);
  if (asked.trustDomain !== init.trustDomain) {
    return refuse(`${impersonated} is of another trust domain than ${init.trustDomain}`);
  }
  if (caller.node === undefined) {
    return refuse(
      'the caller is not bound to a node: its token names none; Kubernetes 1.30 and later puts it into the tokens of pods, `token` by --node',
    );
  }
  const { namespace, serviceAccount } = asked;
  if (!init.isOnNode({ node: caller.node, namespace, serviceAccount })) {
    return refuse(`no workload of ${namespace}/${serviceAccount} is on node ${caller.node}`);
  }
  return { ok: true, identity: impersonated };
}

function refuse(reason: string): Authorized {
  return { ok: false, reason };
}
